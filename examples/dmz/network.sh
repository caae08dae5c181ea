# The laboratory's DMZ, as functions over examples/lab.sh: the network, its servers, its ordinary traffic, its sensors.
#
#                   internet 203.0.113.77 (external)      partner 198.51.100.4
#                          |                                 |
#                          +-------------- edge -------------+
#                                            |
#   front switch 192.0.2.0/26   --+------+---+---+------+------+---  sensor tap-front
#                              proxy1  web1    web2   dns1   mail1  |
#   back switch  10.20.0.0/24   --+------+-------+------------------|---  sensor tap-back
#                                            |                      |
#                                          inner ------------------+
#                          +-----------------+----------------+
#                database switch        management          office
#                 sql1   sql2            10.40.0.9          10.50.1.9

DMZ_HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

dmz_network() {
  local name
  for name in internet partner edge proxy1 web1 web2 dns1 mail1 inner sql1 sql2 management office; do node $name; done
  for name in front back database; do switch $name; done
  # IPv6 is spoken where somebody uses it: the internet, office and management, and web2's front card.
  for name in partner proxy1 web1 dns1 mail1 sql1 sql2 front back database; do ipv4_only $name; done

  cable edge wan internet eth0
  cable edge partner partner eth0
  cable inner management management eth0
  cable inner office office eth0
  inside internet ip address add 203.0.113.77/24 dev eth0
  for name in 25 53 88; do inside internet ip address add 203.0.113.$name/24 dev eth0; done
  inside internet ip address add 2001:db8:e::77/64 dev eth0
  inside partner ip address add 198.51.100.4/28 dev eth0
  inside management ip address add 10.40.0.9/26 dev eth0
  inside management ip address add 10.40.0.5/26 dev eth0
  inside management ip address add 2001:db8:40::9/64 dev eth0
  inside office ip address add 10.50.1.9/16 dev eth0
  inside office ip address add 2001:db8:50::9/64 dev eth0

  plug edge front front 192.0.2.1/26 2001:db8:d::1/64
  inside edge ip address add 203.0.113.1/24 dev wan
  inside edge ip address add 2001:db8:e::1/64 dev wan
  inside edge ip address add 198.51.100.1/28 dev partner
  plug inner front front 192.0.2.62/26 2001:db8:d::62/64
  plug inner back back 10.20.0.1/24
  plug inner database database 10.30.0.1/24
  inside inner ip address add 10.40.0.1/26 dev management
  inside inner ip address add 2001:db8:40::1/64 dev management
  inside inner ip address add 10.50.0.1/16 dev office
  inside inner ip address add 2001:db8:50::1/64 dev office

  plug proxy1 front front 192.0.2.10/26
  plug proxy1 back back 10.20.0.10/24
  plug web1 front front 192.0.2.11/26
  plug web1 back back 10.20.0.11/24
  plug web2 front front 192.0.2.12/26 2001:db8:d::12/64
  plug web2 back back 10.20.0.12/24
  plug dns1 front front 192.0.2.5/26
  plug mail1 front front 192.0.2.25/26
  plug sql1 eth0 database 10.30.0.21/24
  plug sql2 eth0 database 10.30.0.22/24

  # Two cards, two routing tables: what came in by one leaves by the same. Internal networks are behind the inner
  # firewall, on either side; everything else is behind the edge, which the back cannot reach.
  for name in proxy1 web1 web2; do
    inside $name ip route add default via 192.0.2.1
    inside $name ip route add 10.0.0.0/8 via 10.20.0.1
    inside $name ip route add default via 192.0.2.1 table 100
    inside $name ip route add 10.0.0.0/8 via 192.0.2.62 table 100
    inside $name ip route add 192.0.2.0/26 dev front table 100
    inside $name ip rule add from 192.0.2.0/26 table 100
    inside $name ip route add default via 10.20.0.1 table 200
    inside $name ip route add 10.20.0.0/24 dev back table 200
    inside $name ip rule add from 10.20.0.0/24 table 200
  done
  for name in back database; do ipv4_only inner $name; done
  ipv4_only web2 back
  inside web2 ip -6 route add default via 2001:db8:d::1
  inside web2 ip -6 route add 2001:db8:50::/64 via 2001:db8:d::62
  inside web2 ip -6 route add 2001:db8:40::/64 via 2001:db8:d::62
  for name in dns1 mail1; do
    inside $name ip route add default via 192.0.2.1
    inside $name ip route add 10.0.0.0/8 via 192.0.2.62
  done
  for name in sql1 sql2; do inside $name ip route add default via 10.30.0.1; done
  inside management ip route add default via 10.40.0.1
  inside management ip -6 route add default via 2001:db8:40::1
  inside office ip route add default via 10.50.0.1
  inside office ip -6 route add default via 2001:db8:50::1
  inside internet ip route add default via 203.0.113.1
  inside internet ip -6 route add default via 2001:db8:e::1
  inside partner ip route add default via 198.51.100.1
  inside edge ip route add 10.0.0.0/8 via 192.0.2.62
  inside inner ip route add default via 192.0.2.1
  inside inner ip -6 route add default via 2001:db8:d::1

  # A Linux router answers about one refused packet a second with ICMP. Here it may answer all: that limit has a test
  # of its own (tests/lab/icmp_rate_limit), and the findings of this laboratory are to be the same in every run.
  inside edge sh -c 'echo 0 > /proc/sys/net/ipv4/icmp_ratelimit; echo 0 > /proc/sys/net/ipv6/icmp/ratelimit'
  inside edge nft -f "$DMZ_HERE/edge.nft"
  inside inner nft -f "$DMZ_HERE/inner.nft"
  forwards edge
  forwards inner
}

# nginx NODE LISTEN...: each an address and a port, TLS where the port is 443 or 8443.
dmz_nginx() {
  local name=$1 directory=$LAB_DIR/servers/nginx-$1 where
  shift
  mkdir -p "$directory"
  {
    echo "daemon off; master_process off; pid $directory/pid; events { worker_connections 1024; }"
    echo "http { access_log off; server_tokens on; default_type text/plain;"
    for where in client_body proxy fastcgi uwsgi scgi; do echo "${where}_temp_path $directory/tmp;"; done
    for where in "$@"; do
      case $where in
        *443) echo "server { listen $where ssl; ssl_certificate $LAB_DIR/servers/cert.pem;" \
                   "ssl_certificate_key $LAB_DIR/servers/key.pem; return 200 'shop on $name\\n'; }" ;;
        192.*) echo "server { listen $where; return 301 https://shop.example.net/; }" ;;
        *) echo "server { listen $where; return 200 'shop on $name\\n'; }" ;;
      esac
    done
    echo "}"
  } > "$directory/conf"
  dmz_own "$directory"
  start "$name" "nginx-$name" unprivileged nginx -e "$directory/errors" -c "$directory/conf"
}

dmz_own() { if [ "$LAB_MODE" = root ]; then chown -R 65534:65534 "$@"; fi; }

# Postfix's own SMTP server, one process for each connection, without the rest of postfix.
dmz_smtp() {
  local name=$1 address=$2 directory=$LAB_DIR/servers/smtp-$1
  mkdir -p "$directory/spool" "$directory/lib"
  : > "$directory/master.cf"
  cat > "$directory/main.cf" <<END
compatibility_level = 3.6
queue_directory = $directory/spool
data_directory = $directory/lib
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
myhostname = $name.example.net
mynetworks = 127.0.0.0/8
inet_interfaces = loopback-only
smtpd_banner = $name.example.net ESMTP Postfix
maillog_file = $directory/log
maillog_file_prefixes = $directory
alias_maps =
local_recipient_maps =
END
  dmz_own "$directory"
  start "$name" "smtp-$name" unprivileged env MAIL_CONFIG="$directory" \
    $LAB_PYTHON "$LAB_DIR/servers/listeners.py" "exec=$address:25" -- /usr/lib/postfix/sbin/smtpd -S
}

# smbd serves SMB (445) and the NetBIOS session service (139). nmbd stays away: its broadcasts come when they like, and the
# sensors' findings are to be the same in every run.
dmz_samba() {
  local name=$1 directory=$LAB_DIR/servers/samba-$1 part
  shift
  mkdir -p "$directory"
  for part in lock state cache private pid ncalrpc; do mkdir -p "$directory/$part"; done
  cat > "$directory/conf" <<END
[global]
  server role = standalone server
  netbios name = ${name^^}
  workgroup = SHOP
  interfaces = $*
  bind interfaces only = yes
  lock directory = $directory/lock
  state directory = $directory/state
  cache directory = $directory/cache
  private dir = $directory/private
  pid directory = $directory/pid
  ncalrpc dir = $directory/ncalrpc
  log file = $directory/log
  usershare path =
  disable spoolss = yes
  load printers = no
END
  dmz_own "$directory"
  start "$name" "smbd-$name" unprivileged smbd -F --no-process-group -l "$directory" -s "$directory/conf"
}

dmz_ssh() {
  local name=$1 address=$2 directory=$LAB_DIR/servers/ssh-$1
  mkdir -p "$directory"
  ssh-keygen -q -t ed25519 -N '' -f "$directory/key"
  printf '%s\n' "HostKey $directory/key" 'PidFile none' 'UsePAM no' "ListenAddress $address" > "$directory/conf"
  dmz_own "$directory"
  start "$name" "ssh-$name" unprivileged /usr/sbin/sshd -D -e -f "$directory/conf"
}

dmz_dns() {
  start "$1" "dns-$1" unprivileged dnsmasq --keep-in-foreground --conf-file=/dev/null --no-resolv --no-hosts --pid-file= \
    --bind-interfaces --listen-address="$2" --except-interface=lo --address=/example.net/192.0.2.11 --log-facility=-
}

dmz_listen() {
  local name=$1
  shift
  start "$name" "listeners-$name" unprivileged $LAB_PYTHON "$LAB_DIR/servers/listeners.py" "$@"
}

dmz_servers() {
  cp "$DMZ_HERE/listeners.py" "$LAB_DIR/servers/"  # the checkout may be closed to who is unprivileged
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 90 -subj /CN=shop.example.net \
    -addext subjectAltName=DNS:shop.example.net -keyout "$LAB_DIR/servers/key.pem" -out "$LAB_DIR/servers/cert.pem" 2>/dev/null
  dmz_own "$LAB_DIR/servers/key.pem"

  dmz_nginx proxy1 192.0.2.10:443 192.0.2.10:80
  dmz_ssh proxy1 10.20.0.10
  dmz_listen proxy1 snmp=10.20.0.10:161
  dmz_nginx web1 192.0.2.11:443 10.20.0.11:80
  dmz_samba web1 192.0.2.11/26 10.20.0.11/24
  dmz_smtp web1 192.0.2.11
  dmz_listen web1 rdp=10.20.0.11:3389 snmp=10.20.0.11:161
  dmz_nginx web2 192.0.2.12:443 '[2001:db8:d::12]:443' 10.20.0.12:80
  dmz_listen web2 rdp=10.20.0.12:3389 snmp=10.20.0.12:161 msrpc=192.0.2.12:135 msrpc=10.20.0.12:135 \
    banner=192.0.2.12:8730 'banner=[2001:db8:d::12]:8730'
  dmz_dns dns1 192.0.2.5
  dmz_smtp mail1 192.0.2.25
  dmz_listen sql1 mssql=10.30.0.21:1433 rdp=10.30.0.21:3389 banner=10.30.0.21:8888
  dmz_listen sql2 mssql=10.30.0.22:1433 msrpc=10.30.0.22:135
  dmz_listen management sink=10.40.0.5:162 sink=10.40.0.5:514
  dmz_nginx partner 198.51.100.4:8443
  dmz_nginx internet 203.0.113.77:80
  dmz_smtp internet 203.0.113.25
  dmz_dns internet 203.0.113.53

  wait_for proxy1 192.0.2.10 443; wait_for proxy1 10.20.0.10 22
  wait_for web1 192.0.2.11 443; wait_for web1 192.0.2.11 25; wait_for web1 10.20.0.11 3389
  wait_for web1 192.0.2.11 445; wait_for web1 10.20.0.11 139
  wait_for web2 2001:db8:d::12 443; wait_for web2 2001:db8:d::12 8730
  wait_for dns1 192.0.2.5 53; wait_for mail1 192.0.2.25 25
  wait_for sql1 10.30.0.21 8888; wait_for sql2 10.30.0.22 1433
  wait_for partner 198.51.100.4 8443; wait_for internet 203.0.113.77 80
  wait_for internet 203.0.113.25 25; wait_for internet 203.0.113.53 53
}

# dmz_talk NODE CLIENT-OPTIONS...: one client's conversation. DMZ_MUTE counts who got no answer.
DMZ_MUTE=0
dmz_talk() {
  local name=$1
  shift
  if ! inside "$name" $LAB_PYTHON "$DMZ_HERE/clients.py" "$@"; then DMZ_MUTE=$((DMZ_MUTE + 1)); fi
}

# What the rules approve, in use.
dmz_approved_traffic() {
  dmz_talk internet --from 203.0.113.88 https 192.0.2.10 192.0.2.11 192.0.2.12
  dmz_talk internet https '[2001:db8:d::12]'
  dmz_talk internet --from 203.0.113.88 http 192.0.2.10
  dmz_talk internet --from 203.0.113.88 dns 192.0.2.5
  dmz_talk internet --from 203.0.113.88 smtp 192.0.2.25
  dmz_talk office https 192.0.2.10 192.0.2.11
  dmz_talk proxy1 --from 10.20.0.10 http 10.20.0.11 10.20.0.12
  dmz_talk web1 --from 10.20.0.11 mssql 10.30.0.21 10.30.0.22
  dmz_talk web2 --from 10.20.0.12 mssql 10.30.0.21 10.30.0.22
  dmz_talk management --from 10.40.0.5 snmp 10.20.0.10 10.20.0.11 10.20.0.12
  for name in proxy1:10.20.0.10 web1:10.20.0.11 web2:10.20.0.12; do
    dmz_talk "${name%:*}" --from "${name#*:}" syslog 10.40.0.5
    dmz_talk "${name%:*}" --from "${name#*:}" trap 10.40.0.5
  done
  dmz_talk management --from 10.40.0.9 ping 10.20.0.10 10.20.0.11 10.20.0.12 10.30.0.21 10.30.0.22
  dmz_talk management --from 10.40.0.9 rdp 10.20.0.11 10.20.0.12
  dmz_talk management --from 10.40.0.9 ssh 10.20.0.10
  dmz_talk web1 --from 192.0.2.11 https 198.51.100.4:8443
  dmz_talk web2 --from 192.0.2.12 https 198.51.100.4:8443
  dmz_talk dns1 dns 203.0.113.53
  dmz_talk mail1 dns 203.0.113.53
  dmz_talk mail1 smtp 203.0.113.25
}

# What nobody approved, and happens.
dmz_unapproved_traffic() {
  dmz_talk web1 --from 10.20.0.11 banner 10.30.0.21:8888      # an odd port of the database
  dmz_talk web1 --from 192.0.2.11 http 203.0.113.77           # out to the internet
  dmz_talk web1 --from 192.0.2.11 attempt 203.0.113.99:6667   # the same, and nobody answers
  dmz_talk office --from 10.50.1.9 ping 192.0.2.11
  dmz_talk office --from 10.50.1.9 smb 10.20.0.11
  dmz_talk internet --from 203.0.113.88 attempt 192.0.2.11:23 # somebody knocks; the firewall drops it
}

dmz_traffic() {
  local round
  for round in 1 2; do dmz_approved_traffic; done
  dmz_unapproved_traffic
  if [ $DMZ_MUTE -ne 0 ]; then
    lab_say "$DMZ_MUTE conversations of the laboratory's clients failed"
    return 1
  fi
}
