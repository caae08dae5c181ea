// The catalogue is a table: a new service is a new row. Severities are those of a service that is reachable from a
// less trusted zone though nothing approves it; what a rule set forbids has the severity that the rule set gives
// it.
#include "rules/policy/catalogue.h"

#include <algorithm>
#include <array>
#include <vector>

namespace demarc {

namespace {

// name, title, TCP, UDP, speaks, severity, risk, remedy, source. Sorted by name.
constexpr CatalogueEntry kCatalogue[] = {
    {"afp", "Apple file sharing", "548", "", "", Severity::high,
     "File sharing opens what a machine stores to whoever guesses an account.",
     "Stop file sharing on the host; deny the port at both filters.", "Apple Filing Protocol"},
    {"amqp", "AMQP message broker", "5671-5672", "", "amqp", Severity::high,
     "A broker carries the inner traffic of applications and often still has its first account.",
     "Bind the broker to the inner network card and approve its clients by address.", "OASIS AMQP 1.0"},
    {"bacnet", "BACnet building control", "", "47808", "", Severity::critical,
     "Building control answers everybody and switches what is attached without asking who wants it.",
     "Keep controllers in a zone of their own; deny the port at every boundary.", "ASHRAE 135"},
    {"bgp", "BGP routing", "179", "", "", Severity::high, "Whoever reaches the session can disturb routing.",
     "Accept the port from the configured peers only.", "RFC 4271"},
    {"cassandra", "Cassandra database", "7000-7001,9042", "", "", Severity::critical,
     "Data and cluster traffic without authentication by default.",
     "Bind to the inner network card; approve the application servers by address.",
     "Apache Cassandra documentation"},
    {"chargen", "Character generator", "19", "19", "", Severity::high, "Amplifies forged datagrams and has no use.",
     "Disable the service.", "RFC 864"},
    {"coap", "CoAP device control", "", "5683-5684", "", Severity::high,
     "Devices answer commands of anybody and amplify forged datagrams.",
     "Keep devices in a zone of their own; deny the port at the boundary.", "RFC 7252"},
    {"couchdb", "CouchDB database", "5984,6984", "", "", Severity::critical,
     "Databases have been emptied and held to ransom through it.",
     "Bind to the inner network card; approve the application servers by address.", "Apache CouchDB documentation"},
    {"dhcp", "DHCP", "", "67-68", "", Severity::medium,
     "A foreign server hands out addresses, gateways and resolvers.",
     "Relay on the router only; deny across the boundary.", "RFC 2131"},
    {"dnp3", "DNP3 control traffic", "20000", "20000", "", Severity::critical,
     "Controllers obey whoever reaches them.",
     "Keep control networks behind a zone of their own; never across a DMZ boundary.", "IEEE 1815"},
    {"dns", "DNS", "53", "53", "dns", Severity::medium,
     "An open resolver amplifies attacks and tells names of the inside; tunnels hide in it.",
     "Only the declared resolvers answer, for their own clients, without recursion for others.", "RFC 5358"},
    {"docker", "Docker API", "2375-2377", "", "", Severity::critical,
     "Without TLS it is root on the host for anybody.", "Use the local socket or SSH; deny the port everywhere.",
     "Docker Engine documentation"},
    {"elasticsearch", "Elasticsearch", "9200,9300", "", "elasticsearch", Severity::critical,
     "Indexes are read and deleted without an account where security is not switched on.",
     "Bind to the inner network card, switch security on, approve the clients by address.",
     "Elastic documentation"},
    {"epmd", "Erlang port mapper", "4369", "", "", Severity::high,
     "Leads to a shell on the node with one shared secret.", "Bind to loopback or the inner network card.",
     "Erlang/OTP documentation"},
    {"etcd", "etcd", "2379-2380", "", "", Severity::critical, "Holds the secrets of a cluster.",
     "Client certificates and the cluster's own members only.", "etcd documentation"},
    {"ethernetip", "EtherNet/IP control traffic", "44818", "2222,44818", "", Severity::critical,
     "Controllers obey whoever reaches them.",
     "Keep control networks behind a zone of their own; never across a DMZ boundary.", "ODVA EtherNet/IP"},
    {"finger", "Finger", "79", "", "", Severity::medium, "Tells who has an account and who is at work.",
     "Disable the service.", "RFC 1288"},
    {"ftp", "FTP", "20-21", "", "ftp", Severity::high,
     "Passwords and files travel in clear text and data ports need holes in the filter.",
     "Replace by SFTP or HTTPS; deny the port at the boundary.", "RFC 2577"},
    {"git", "Git daemon", "9418", "", "", Severity::medium, "Serves repositories without authentication.",
     "Serve over SSH or HTTPS.", "git-daemon(1)"},
    {"hadoop", "Hadoop and YARN", "8088,9000,9870,50070", "", "", Severity::critical,
     "Jobs run commands for anybody who can submit one.", "Kerberos, and the cluster's own network only.",
     "Apache Hadoop documentation"},
    {"http", "HTTP", "80", "", "http", Severity::medium,
     "A web server that nobody approved is often a management page with its first password.",
     "Approve it with an owner, or stop it; redirect to HTTPS and nothing else.", "RFC 9110"},
    {"http-alternative", "HTTP on other ports", "8000-8001,8008,8081,8888", "", "http", Severity::medium,
     "Consoles, test servers and management pages stand there.",
     "Stop it, or bind it to the management network card.", "RFC 9110"},
    {"https", "HTTPS", "443", "443", "tls", Severity::medium,
     "Encryption hides what is served; a service nobody approved gets no patches.",
     "Approve it with an owner, or stop it.", "RFC 8446"},
    {"https-alternative", "HTTPS on other ports", "4443,8443,9443,10443", "", "tls", Severity::medium,
     "Appliances and consoles are managed there.",
     "Bind it to the management network card; approve the management zone only.", "RFC 8446"},
    {"ident", "Ident", "113", "", "", Severity::low, "Tells user names to whoever asks.",
     "Disable the service; reject rather than drop if mail servers wait for it.", "RFC 1413"},
    {"ike", "IKE and IPsec NAT traversal", "", "500,4500", "", Severity::medium,
     "A way into the network that the boundary cannot look into.",
     "Terminate tunnels on the declared gateway only.", "RFC 7296"},
    {"imap", "IMAP", "143,993", "", "imap", Severity::medium, "Mailboxes within reach of password guessing.",
     "Offer it from the mail relay only, over TLS.", "RFC 9051"},
    {"ipmi", "IPMI and management controllers", "623", "623", "", Severity::critical,
     "Hands out password hashes before any login, and then owns the machine below its operating system.",
     "Put management controllers on a network of their own that no other zone reaches.", "US-CERT TA13-207A"},
    {"ipp", "IPP printing", "631", "", "ipp", Severity::medium, "Print servers have run commands of strangers.",
     "Bind to loopback; no printing across the boundary.", "RFC 8011"},
    {"irc", "IRC", "6660-6669,6697", "", "", Severity::high,
     "Control channels of taken-over machines look like this.",
     "Deny outward and inward; examine a host that opens it.", "RFC 1459"},
    {"iscsi", "iSCSI storage", "860,3260", "", "", Severity::critical,
     "Disks within reach, below all file permissions.", "Storage network only.", "RFC 7143"},
    {"java-rmi", "Java RMI registry", "1098-1099", "", "", Severity::critical,
     "Objects that are loaded on call have run foreign code again and again.",
     "Bind to loopback; tunnel management over SSH.", "Oracle Java RMI documentation"},
    {"jdwp", "Java debugger", "5005,8787", "", "", Severity::critical, "Whoever attaches runs code in the process.",
     "Start without the debug agent in production.", "Oracle JDWP documentation"},
    {"kafka", "Kafka", "9092-9094", "", "", Severity::high,
     "Streams are read and written without an account by default.", "Inner network card only, with authentication.",
     "Apache Kafka documentation"},
    {"kerberos", "Kerberos", "88,464,749", "88,464", "kerberos", Severity::high,
     "Tickets can be asked for and cracked offline; a domain controller stands behind it.",
     "No domain controller traffic across an outer boundary.", "RFC 4120"},
    {"kubelet", "Kubernetes kubelet", "10250,10255", "", "", Severity::critical,
     "Runs commands in every container of the node.", "Control plane only, with authentication.",
     "Kubernetes documentation"},
    {"kubernetes-api", "Kubernetes API", "6443,8080", "", "tls", Severity::critical, "Commands a whole cluster.",
     "Approve administrators by address; never anonymous access.", "Kubernetes documentation"},
    {"l2tp", "L2TP", "", "1701", "", Severity::high, "A tunnel without encryption of its own.",
     "Inside IPsec on the declared gateway only.", "RFC 2661"},
    {"ldap", "LDAP", "389", "389", "ldap", Severity::high,
     "The directory tells accounts and groups, and binds send passwords in clear text.",
     "LDAPS from named servers only; never across an outer boundary.", "RFC 4513"},
    {"ldap-gc", "Active Directory global catalogue", "3268-3269", "", "ldap", Severity::high,
     "The whole forest's directory.", "No domain controller traffic across an outer boundary.",
     "Microsoft MS-ADTS"},
    {"ldaps", "LDAP over TLS", "636", "", "tls", Severity::high, "The directory within reach of password guessing.",
     "Named servers only; never across an outer boundary.", "RFC 4513"},
    {"llmnr", "LLMNR", "5355", "5355", "", Severity::medium, "Answers of strangers collect password hashes.",
     "Switch it off by policy; deny at the filters.", "RFC 4795"},
    {"lpd", "LPD printing", "515", "", "", Severity::medium, "Prints for everybody and tells what is printed.",
     "Print servers in the inner network only.", "RFC 1179"},
    {"mdns", "Multicast DNS", "", "5353", "", Severity::medium,
     "Tells names and services of the inside, and amplifies if it answers unicast.",
     "Switch it off on servers; deny at the filters.", "RFC 6762"},
    {"memcached", "memcached", "11211", "11211", "memcached", Severity::critical,
     "Data without authentication; over UDP the strongest amplifier known.",
     "Bind to loopback, switch UDP off, deny at the boundary.", "US-CERT TA14-017A"},
    {"modbus", "Modbus control traffic", "502", "", "", Severity::critical,
     "Controllers obey whoever reaches them.",
     "Keep control networks behind a zone of their own; never across a DMZ boundary.", "Modbus.org TCP guide"},
    {"mongodb", "MongoDB", "27017-27019", "", "mongodb", Severity::critical,
     "Databases without authentication have been emptied by the thousand.",
     "Bind to the inner network card, switch authentication on, approve the clients by address.",
     "MongoDB security checklist"},
    {"mqtt", "MQTT broker", "1883,8883", "", "mqtt", Severity::high, "Devices and whoever listens share one bus.",
     "TLS, accounts, and approved clients only.", "OASIS MQTT 5.0"},
    {"msrpc", "MSRPC endpoint mapper", "135,593", "135", "msrpc", Severity::critical,
     "Lists and opens the remote procedures of Windows, many with a history of worms.",
     "Deny at both filters; restrict the dynamic range where a rule needs RPC.", "Microsoft MS-RPCE"},
    {"mssql", "Microsoft SQL Server", "1433", "", "mssql", Severity::critical,
     "The database itself within reach of password guessing and of worms.",
     "Approve the application servers by address and this port only.", "Microsoft MS-TDS"},
    {"mssql-browser", "SQL Server browser", "", "1434", "", Severity::high,
     "Tells instances and ports; the Slammer worm came this way.", "Stop the browser, fix the instance's port.",
     "Microsoft MC-SQLR"},
    {"munin", "Munin node", "4949", "", "", Severity::low, "Tells the state of the machine to whoever asks.",
     "Monitoring host only.", "Munin documentation"},
    {"mysql", "MySQL and MariaDB", "3306,33060", "", "mysql", Severity::critical,
     "The database itself within reach of password guessing.", "Approve the application servers by address.",
     "MySQL reference manual"},
    {"nats", "NATS messaging", "4222,6222,8222", "", "", Severity::high,
     "Messages are read and written without an account by default.", "Inner network card only, with accounts.",
     "NATS documentation"},
    {"netbios-dgm", "NetBIOS datagram service", "", "138", "", Severity::high,
     "Announces the machine and its neighbours; accepted from outside it misleads browsing.",
     "Unbind NetBIOS from the network card; deny at both filters.", "RFC 1002"},
    {"netbios-ns", "NetBIOS name service", "137", "137", "", Severity::high,
     "Tells names, users and workgroups, and answers of strangers redirect connections.",
     "Unbind NetBIOS from the network card; deny at both filters.", "RFC 1002"},
    {"netbios-ssn", "NetBIOS session service", "139", "", "netbios-session", Severity::critical,
     "File and printer sharing by its older door.",
     "Unbind File and Printer Sharing from the network card; deny at both filters.", "RFC 1002"},
    {"netflow", "NetFlow and IPFIX", "", "2055,4739,9995-9996", "", Severity::low,
     "Forged records mislead the monitoring.", "Accept from the exporters only.", "RFC 7011"},
    {"nfs", "NFS", "2049", "2049", "", Severity::critical, "Files by trust in the client's word about who it is.",
     "Storage network only; Kerberos where it must cross one.", "RFC 7530"},
    {"nntp", "NNTP", "119,563", "", "", Severity::low, "A news server nobody needs.", "Stop the service.",
     "RFC 3977"},
    {"nrpe", "Nagios remote plugins", "5666", "", "", Severity::high,
     "Runs commands on behalf of the monitoring host.", "Monitoring host only, without arguments.",
     "NRPE documentation"},
    {"ntp", "NTP", "", "123", "ntp", Severity::medium,
     "Control queries amplify; time is the base of logs and certificates.",
     "Declared time servers only, control queries off.", "RFC 8633"},
    {"openvpn", "OpenVPN", "1194", "1194", "", Severity::medium,
     "A way into the network that the boundary cannot look into.",
     "Terminate tunnels on the declared gateway only.", "OpenVPN documentation"},
    {"oracle", "Oracle listener", "1521,1526,2483-2484", "", "oracle", Severity::critical,
     "The listener tells and redirects databases; old ones accept registrations of strangers.",
     "Approve the application servers by address; restrict registration.", "Oracle Net Services"},
    {"pcanywhere", "pcAnywhere", "5631-5632", "5632", "", Severity::critical,
     "Remote control that is no longer maintained.", "Remove it.", "Symantec advisory SYM12-002"},
    {"pop3", "POP3", "110,995", "", "pop3", Severity::medium, "Mailboxes within reach of password guessing.",
     "Offer it from the mail relay only, over TLS.", "RFC 1939"},
    {"postgresql", "PostgreSQL", "5432", "", "postgresql", Severity::critical,
     "The database itself within reach of password guessing.",
     "Approve the application servers by address, in pg_hba.conf as well.", "PostgreSQL documentation"},
    {"pptp", "PPTP", "1723", "", "", Severity::high, "Its encryption has been broken for years.",
     "Replace by IPsec or WireGuard.", "Microsoft advisory 2743314"},
    {"printer-raw", "Raw printing", "9100-9107", "", "", Severity::medium,
     "Prints whatever arrives and lets printers be reconfigured.", "Print servers in the inner network only.",
     "HP JetDirect documentation"},
    {"prometheus", "Prometheus", "9090-9091,9093", "", "", Severity::medium,
     "Tells the state and the names of the inside.", "Monitoring host only.", "Prometheus security model"},
    {"proxy", "Web proxies", "3128,8080,8118", "", "http", Severity::high,
     "An open proxy hides strangers behind this network's address and reaches what only it may reach.",
     "Accept the declared clients only, towards declared destinations.", "RFC 9110"},
    {"rabbitmq", "RabbitMQ management", "15672,25672", "", "", Severity::high,
     "Administers a broker that often still has its first account.", "Management zone only.",
     "RabbitMQ documentation"},
    {"radius", "RADIUS", "2083", "1645-1646,1812-1813", "", Severity::high,
     "Accounts of the network itself, protected by a shared secret.", "Declared authenticators only.", "RFC 2865"},
    {"rdp", "Remote Desktop", "3389", "3389", "rdp", Severity::critical,
     "The desktop of a server within reach of password guessing, with flaws that needed no password.",
     "Management zone only, through a gateway.", "Microsoft MS-RDPBCGR"},
    {"redis", "Redis", "6379,16379,26379", "", "redis", Severity::critical,
     "Without a password it writes files of anybody's choice on the host.",
     "Bind to loopback or the inner network card, set a password, deny at the boundary.",
     "Redis security documentation"},
    {"rpcbind", "ONC RPC port mapper", "111", "111", "", Severity::high,
     "Tells the RPC services and amplifies forged datagrams.",
     "Disable it where no NFS needs it; deny at the boundary.", "RFC 1833"},
    {"rsh", "rexec, rlogin and rsh", "512-514", "", "", Severity::critical,
     "Trusts addresses instead of people and sends everything in clear text.",
     "Replace by SSH; remove the services.", "RFC 1282"},
    {"rsync", "rsync daemon", "873", "", "rsync", Severity::high,
     "Modules are often readable, sometimes writable, for anybody.",
     "Use it over SSH, or restrict modules by address and secret.", "rsyncd.conf(5)"},
    {"rtsp", "RTSP", "554,8554", "", "rtsp", Severity::medium, "Cameras and recorders with their first password.",
     "Keep cameras in a zone of their own.", "RFC 7826"},
    {"s7comm", "Siemens S7 control traffic", "102", "", "", Severity::critical,
     "Controllers obey whoever reaches them.",
     "Keep control networks behind a zone of their own; never across a DMZ boundary.", "RFC 1006"},
    {"salt", "Salt master", "4505-4506", "", "", Severity::critical,
     "Commands every machine it manages; flaws of 2020 needed no login.", "Managed hosts only.", "CVE-2020-11651"},
    {"sip", "SIP", "5060-5061", "5060-5061", "sip", Severity::medium, "Calls at somebody else's cost.",
     "Session border controller and provider only.", "RFC 3261"},
    {"slp", "Service location", "427", "427", "", Severity::high,
     "Amplifies forged datagrams more than any other; hypervisors have been taken over by it.",
     "Disable the service.", "CVE-2023-29552"},
    {"smb", "SMB file sharing", "445", "445", "smb", Severity::critical,
     "Files, accounts and remote administration of Windows; the way worms spread.",
     "Unbind File and Printer Sharing from the network card and deny the port at both filters.",
     "Microsoft MS-SMB2"},
    {"smtp", "SMTP", "25", "", "smtp", Severity::high,
     "A web server with a mail service relays spam and sends what was stolen.",
     "Stop and disable the mail service; mail goes through the declared relay only.", "RFC 5321"},
    {"smtp-submission", "Mail submission", "465,587", "", "smtp", Severity::medium,
     "Accounts within reach of password guessing.", "Offer it from the mail relay only.", "RFC 8314"},
    {"snmp", "SNMP", "", "161", "snmp", Severity::high,
     "Reads, and often writes, the configuration of devices with a word that everybody knows.",
     "Version 3, from the management station only; deny elsewhere.", "RFC 3410"},
    {"snmp-trap", "SNMP traps", "", "162", "", Severity::low, "Forged alarms mislead the operators.",
     "Accept from the managed devices only.", "RFC 3416"},
    {"socks", "SOCKS proxy", "1080", "", "socks", Severity::high,
     "An open proxy hides strangers and reaches what only this network may reach.",
     "Remove it, or accept the declared clients only.", "RFC 1928"},
    {"ssdp", "SSDP and UPnP", "5000", "1900", "", Severity::high,
     "Opens ports in filters on request, and amplifies.", "Switch it off; deny at the boundary.",
     "UPnP Device Architecture"},
    {"ssh", "SSH", "22", "", "ssh", Severity::high, "A shell within reach of password guessing.",
     "Management zone only, with keys.", "RFC 4253"},
    {"stun", "STUN and TURN", "3478-3479,5349", "3478-3479,5349", "", Severity::medium,
     "A relay for strangers where it asks for no account.", "Accounts and quotas; declared servers only.",
     "RFC 8656"},
    {"syslog", "Syslog", "601,6514", "514", "", Severity::low, "Forged records hide what happened.",
     "Accept from the known senders only.", "RFC 5424"},
    {"systat", "systat, netstat and small services", "1,7,9,11,13,15,17,37", "7,9,13,17,37", "", Severity::medium,
     "Relics that tell about the machine or amplify.", "Disable the services.", "RFC 862"},
    {"tacacs", "TACACS+", "49", "", "", Severity::high, "Decides who administers the network's devices.",
     "Declared devices only.", "RFC 8907"},
    {"teamviewer", "TeamViewer", "5938", "5938", "", Severity::high,
     "Remote control through somebody else's server.", "Remove it from servers; deny outward.",
     "TeamViewer documentation"},
    {"telnet", "Telnet", "23,2323", "", "telnet", Severity::critical,
     "Passwords in clear text, and the first thing that worms try.", "Replace by SSH.", "RFC 854"},
    {"tftp", "TFTP", "", "69", "", Severity::high,
     "Files without a password; taken-over servers load their tools by it.",
     "Remove it; deny at the boundary in both directions.", "RFC 1350"},
    {"tor", "Tor", "9001,9030,9050-9051,9150", "", "", Severity::high, "Hides where traffic goes.",
     "Deny outward; examine a host that opens it.", "Tor specification"},
    {"vmware", "VMware management", "902-903,5480", "", "tls", Severity::critical,
     "Commands every machine of the hypervisor.", "Management zone only.", "VMware ports and protocols"},
    {"vnc", "VNC", "5800-5810,5900-5910", "", "vnc", Severity::critical,
     "Remote control behind eight characters of password, or none.",
     "Remove it, or tunnel it over SSH from the management zone.", "RFC 6143"},
    {"winrm", "Windows Remote Management", "5985-5986,47001", "", "winrm", Severity::critical,
     "Runs commands on Windows servers.", "Management zone only, over HTTPS.", "Microsoft MS-WSMV"},
    {"wireguard", "WireGuard", "", "51820", "", Severity::medium,
     "A way into the network that the boundary cannot look into.",
     "Terminate tunnels on the declared gateway only.", "WireGuard protocol"},
    {"wsd", "Web services discovery", "5357-5358", "3702", "", Severity::medium,
     "Tells devices and shares, and amplifies.", "Switch network discovery off on servers.",
     "OASIS WS-Discovery 1.1"},
    {"x11", "X Window System", "6000-6063", "", "x11", Severity::critical,
     "Screen and keyboard of a session for whoever connects.", "Start the server without TCP; forward over SSH.",
     "X Window System protocol"},
    {"xdmcp", "XDMCP", "", "177", "", Severity::high, "Offers a login in clear text and amplifies.",
     "Disable the service.", "XDMCP 1.1"},
    {"zabbix", "Zabbix", "10050-10051", "", "", Severity::medium, "Agents run items on behalf of the server.",
     "Monitoring host only.", "Zabbix documentation"},
    {"zookeeper", "ZooKeeper", "2181,2888,3888", "", "", Severity::high,
     "Configuration of a cluster without authentication by default.", "The cluster's own members only.",
     "Apache ZooKeeper documentation"},
};

PortSet ports(std::string_view text) {
  if (text.empty()) return {};
  Result<PortSet> set = parse_port_set(text);
  return set ? *set : PortSet();  // catalogue_test reads every row
}

/// By port, the number of the row that claims it: the row with the fewest ports of all that do, the first among
/// equals.
struct ByPort {
  static constexpr std::uint16_t kNone = 0xFFFF;
  std::vector<std::uint16_t> rows;
  PortSet all;

  explicit ByPort(PortSet (CatalogueEntry::*ports_of)() const) : rows(65536, kNone) {
    std::vector<std::uint32_t> sizes(65536, 0xFFFFFFFF);
    for (std::size_t i = 0; i < std::size(kCatalogue); ++i) {
      PortSet set = (kCatalogue[i].*ports_of)();
      all = all.unite(set);
      for (const PortRange& range : set.ranges()) {
        for (std::uint32_t p = range.first.number(); p <= range.last.number(); ++p) {
          if (set.size() >= sizes[p]) continue;
          sizes[p] = set.size();
          rows[p] = static_cast<std::uint16_t>(i);
        }
      }
    }
  }
};

const ByPort& by_port(Protocol protocol) {
  static const ByPort kTcp(&CatalogueEntry::tcp_ports), kUdp(&CatalogueEntry::udp_ports);
  return protocol == Protocol::tcp ? kTcp : kUdp;
}

}  // namespace

PortSet CatalogueEntry::tcp_ports() const { return ports(tcp); }
PortSet CatalogueEntry::udp_ports() const { return ports(udp); }

std::span<const CatalogueEntry> catalogue() { return kCatalogue; }

const CatalogueEntry* catalogue_find(Protocol protocol, Port port) {
  if (protocol != Protocol::tcp && protocol != Protocol::udp) return nullptr;
  std::uint16_t row = by_port(protocol).rows[port.number()];
  return row == ByPort::kNone ? nullptr : &kCatalogue[row];
}

const CatalogueEntry* catalogue_find(std::string_view name) {
  auto at = std::lower_bound(std::begin(kCatalogue), std::end(kCatalogue), name,
                             [](const CatalogueEntry& e, std::string_view n) { return e.name < n; });
  return at != std::end(kCatalogue) && at->name == name ? at : nullptr;
}

const CatalogueEntry* catalogue_by_protocol(std::string_view app_protocol) {
  if (app_protocol.empty()) return nullptr;
  // The row of that very name, otherwise the first whose service it is ("netbios-session", "tls").
  if (app_protocol == "tls") return catalogue_find("https");
  if (const CatalogueEntry* row = catalogue_find(app_protocol); row != nullptr && row->speaks == app_protocol)
    return row;
  auto at = std::find_if(std::begin(kCatalogue), std::end(kCatalogue),
                         [&](const CatalogueEntry& e) { return e.speaks == app_protocol; });
  return at == std::end(kCatalogue) ? nullptr : at;
}

const PortSet& catalogue_ports(Protocol protocol) {
  static const PortSet kNothing;
  return protocol == Protocol::tcp || protocol == Protocol::udp ? by_port(protocol).all : kNothing;
}

}  // namespace demarc
