// One configuration in both of Junos's notations: a router's filters, and an SRX's zones, policies and translations.
#pragma once

namespace demarc::samples {

inline constexpr const char* kJunosHierarchy = R"(## Last commit: 2026-11-20 10:00:00 UTC by jo
version 21.4R3;
groups {
    edge {
        interfaces {
            <ge-*> {
                unit <*> {
                    family inet {
                        filter {
                            output EDGE-OUT;
                        }
                    }
                }
            }
        }
    }
}
apply-groups edge;
system {
    host-name edge-rtr;
    services {
        ssh;
    }
}
interfaces {
    ge-0/0/0 {
        description "to the internet";
        unit 0 {
            family inet {
                filter {
                    input-list [ BOGONS OUTSIDE-IN ];
                }
                address 203.0.113.1/29;
            }
            family inet6 {
                filter {
                    input V6-IN;
                }
                address 2001:db8:f::1/64;
            }
        }
    }
    ge-0/0/1 {
        unit 10 {
            family inet {
                address 192.0.2.1/26 {
                    primary;
                }
            }
        }
    }
    lo0 {
        unit 0 {
            family inet {
                filter {
                    input PROTECT-RE;
                }
                address 198.51.100.254/32;
            }
        }
    }
}
policy-options {
    prefix-list admins {
        198.51.100.0/28;
        198.51.100.64/28;
    }
    prefix-list peers {
        apply-path "protocols bgp group <*> neighbor <*>";
    }
}
protocols {
    bgp {
        group upstream {
            neighbor 203.0.113.2;
        }
    }
}
firewall {
    family inet {
        filter BOGONS {
            term bogons {
                from {
                    source-address {
                        10.0.0.0/8;
                        10.1.0.0/16 except;
                        192.168.0.0/16;
                    }
                }
                then {
                    count bogons;
                    discard;
                }
            }
        }
        filter OUTSIDE-IN {
            term web {
                from {
                    destination-address {
                        192.0.2.10/32;
                        192.0.2.11/32;
                    }
                    protocol tcp;
                    destination-port [ http https ];
                }
                then accept;
            }
            inactive: term ftp {
                from {
                    protocol tcp;
                    destination-port ftp;
                }
                then accept;
            }
            term back {
                from {
                    protocol tcp;
                    tcp-established;
                }
                then {
                    count established;
                    accept;
                }
            }
            term icmp {
                filter ICMP;
            }
            term log {
                then {
                    log;
                    next term;
                }
            }
            term rest {
                then {
                    reject;
                }
            }
        }
        filter ICMP {
            term ping {
                from {
                    protocol icmp;
                    icmp-type [ echo-request echo-reply ];
                }
                then {
                    count ping;
                }
            }
        }
        filter EDGE-OUT {
            term smtp {
                from {
                    protocol tcp;
                    destination-port smtp;
                }
                then {
                    discard;
                }
            }
            term all {
                then accept;
            }
        }
        filter PROTECT-RE {
            term ssh {
                from {
                    source-prefix-list {
                        admins;
                    }
                    protocol tcp;
                    destination-port ssh;
                }
                then accept;
            }
            term bgp {
                from {
                    source-prefix-list {
                        peers;
                    }
                    protocol tcp;
                    port bgp;
                }
                then accept;
            }
        }
    }
    family inet6 {
        filter V6-IN {
            term web {
                from {
                    destination-address {
                        2001:db8:d::/64;
                    }
                    next-header tcp;
                    destination-port 443;
                }
                then accept;
            }
        }
    }
}
)";

inline constexpr const char* kJunosSet = R"(set version 21.4R3
set groups edge interfaces <ge-*> unit <*> family inet filter output EDGE-OUT
set apply-groups edge
set system host-name edge-rtr
set system services ssh
set interfaces ge-0/0/0 description "to the internet"
set interfaces ge-0/0/0 unit 0 family inet filter input-list BOGONS
set interfaces ge-0/0/0 unit 0 family inet filter input-list OUTSIDE-IN
set interfaces ge-0/0/0 unit 0 family inet address 203.0.113.1/29
set interfaces ge-0/0/0 unit 0 family inet6 filter input V6-IN
set interfaces ge-0/0/0 unit 0 family inet6 address 2001:db8:f::1/64
set interfaces ge-0/0/1 unit 10 family inet address 192.0.2.1/26 primary
set interfaces lo0 unit 0 family inet filter input PROTECT-RE
set interfaces lo0 unit 0 family inet address 198.51.100.254/32
set policy-options prefix-list admins 198.51.100.0/28
set policy-options prefix-list admins 198.51.100.64/28
set policy-options prefix-list peers apply-path "protocols bgp group <*> neighbor <*>"
set protocols bgp group upstream neighbor 203.0.113.2
set firewall family inet filter BOGONS term bogons from source-address 10.0.0.0/8
set firewall family inet filter BOGONS term bogons from source-address 10.1.0.0/16 except
set firewall family inet filter BOGONS term bogons from source-address 192.168.0.0/16
set firewall family inet filter BOGONS term bogons then count bogons
set firewall family inet filter BOGONS term bogons then discard
set firewall family inet filter OUTSIDE-IN term web from destination-address 192.0.2.10/32
set firewall family inet filter OUTSIDE-IN term web from destination-address 192.0.2.11/32
set firewall family inet filter OUTSIDE-IN term web from protocol tcp
set firewall family inet filter OUTSIDE-IN term web from destination-port http
set firewall family inet filter OUTSIDE-IN term web from destination-port https
set firewall family inet filter OUTSIDE-IN term web then accept
set firewall family inet filter OUTSIDE-IN term ftp from protocol tcp
set firewall family inet filter OUTSIDE-IN term ftp from destination-port ftp
set firewall family inet filter OUTSIDE-IN term ftp then accept
deactivate firewall family inet filter OUTSIDE-IN term ftp
set firewall family inet filter OUTSIDE-IN term back from protocol tcp
set firewall family inet filter OUTSIDE-IN term back from tcp-established
set firewall family inet filter OUTSIDE-IN term back then count established
set firewall family inet filter OUTSIDE-IN term back then accept
set firewall family inet filter OUTSIDE-IN term icmp filter ICMP
set firewall family inet filter OUTSIDE-IN term log then log
set firewall family inet filter OUTSIDE-IN term log then next term
set firewall family inet filter OUTSIDE-IN term rest then reject
set firewall family inet filter ICMP term ping from protocol icmp
set firewall family inet filter ICMP term ping from icmp-type echo-request
set firewall family inet filter ICMP term ping from icmp-type echo-reply
set firewall family inet filter ICMP term ping then count ping
set firewall family inet filter EDGE-OUT term smtp from protocol tcp
set firewall family inet filter EDGE-OUT term smtp from destination-port smtp
set firewall family inet filter EDGE-OUT term smtp then discard
set firewall family inet filter EDGE-OUT term all then accept
set firewall family inet filter PROTECT-RE term ssh from source-prefix-list admins
set firewall family inet filter PROTECT-RE term ssh from protocol tcp
set firewall family inet filter PROTECT-RE term ssh from destination-port ssh
set firewall family inet filter PROTECT-RE term ssh then accept
set firewall family inet filter PROTECT-RE term bgp from source-prefix-list peers
set firewall family inet filter PROTECT-RE term bgp from protocol tcp
set firewall family inet filter PROTECT-RE term bgp from port bgp
set firewall family inet filter PROTECT-RE term bgp then accept
set firewall family inet6 filter V6-IN term web from destination-address 2001:db8:d::/64
set firewall family inet6 filter V6-IN term web from next-header tcp
set firewall family inet6 filter V6-IN term web from destination-port 443
set firewall family inet6 filter V6-IN term web then accept
)";

inline constexpr const char* kSrxHierarchy = R"(system {
    host-name dmz-fw;
}
interfaces {
    ge-0/0/0 {
        unit 0 {
            family inet {
                address 203.0.113.2/29;
            }
        }
    }
    ge-0/0/1 {
        unit 0 {
            family inet {
                address 192.0.2.1/26;
            }
        }
    }
    ge-0/0/2 {
        unit 0 {
            family inet {
                address 198.51.100.1/24;
            }
        }
    }
    ge-0/0/3 {
        unit 0 {
            family inet {
                address 10.9.9.1/24;
            }
        }
    }
}
security {
    address-book {
        global {
            address web1 192.0.2.10/32;
            address web2 192.0.2.11/32;
            address mail {
                dns-name mail.example;
            }
            address pool {
                range-address 192.0.2.20 {
                    to {
                        192.0.2.22;
                    }
                }
            }
            address-set servers {
                address web1;
                address web2;
                address-set more;
            }
            address-set more {
                address pool;
            }
            address unused 192.0.2.60/32;
        }
        dmz-book {
            address db 192.0.2.33/32;
            attach {
                zone dmz;
            }
        }
    }
    screen {
        ids-option untrust-screen {
            icmp {
                ping-death;
            }
        }
    }
    nat {
        source {
            pool out {
                address {
                    203.0.113.5/32;
                }
            }
            rule-set office {
                from zone office;
                to zone untrust;
                rule all {
                    match {
                        source-address 198.51.100.0/24;
                    }
                    then {
                        source-nat {
                            interface;
                        }
                    }
                }
            }
        }
        destination {
            pool web1 {
                address 192.0.2.10/32 port 8443;
            }
            rule-set in {
                from zone untrust;
                rule web {
                    match {
                        destination-address 203.0.113.3/32;
                        destination-port 443;
                    }
                    then {
                        destination-nat {
                            pool {
                                web1;
                            }
                        }
                    }
                }
            }
        }
    }
    policies {
        from-zone untrust to-zone dmz {
            policy web {
                match {
                    source-address any;
                    destination-address servers;
                    application [ junos-https custom-web ];
                }
                then {
                    permit;
                    log {
                        session-close;
                    }
                }
            }
            policy mail {
                match {
                    source-address any;
                    destination-address mail;
                    application junos-smtp;
                }
                then {
                    permit;
                }
            }
        }
        from-zone office to-zone dmz {
            policy db {
                match {
                    source-address any;
                    destination-address db;
                    application sql;
                }
                then {
                    permit;
                }
            }
            policy not-web1 {
                match {
                    source-address any;
                    destination-address web1;
                    destination-address-excluded;
                    application junos-ssh;
                }
                then {
                    permit;
                }
            }
        }
        global {
            policy ping {
                match {
                    source-address any;
                    destination-address any;
                    application junos-ping;
                    from-zone [ office dmz ];
                    to-zone any;
                }
                then {
                    permit;
                }
            }
        }
        default-policy {
            deny-all;
        }
    }
    zones {
        security-zone untrust {
            screen untrust-screen;
            interfaces {
                ge-0/0/0.0;
            }
        }
        security-zone dmz {
            interfaces {
                ge-0/0/1.0 {
                    host-inbound-traffic {
                        system-services {
                            ping;
                        }
                    }
                }
            }
        }
        security-zone office {
            host-inbound-traffic {
                system-services {
                    all;
                    telnet {
                        except;
                    }
                }
                protocols {
                    bgp;
                }
            }
            interfaces {
                ge-0/0/2.0;
            }
        }
    }
}
applications {
    application custom-web {
        protocol tcp;
        destination-port 8080-8090;
    }
    application sql {
        term t1 protocol tcp destination-port 1433;
        term t2 protocol udp destination-port 1434;
    }
}
)";

inline constexpr const char* kSrxSet = R"(set system host-name dmz-fw
set interfaces ge-0/0/0 unit 0 family inet address 203.0.113.2/29
set interfaces ge-0/0/1 unit 0 family inet address 192.0.2.1/26
set interfaces ge-0/0/2 unit 0 family inet address 198.51.100.1/24
set interfaces ge-0/0/3 unit 0 family inet address 10.9.9.1/24
set security address-book global address web1 192.0.2.10/32
set security address-book global address web2 192.0.2.11/32
set security address-book global address mail dns-name mail.example
set security address-book global address pool range-address 192.0.2.20 to 192.0.2.22
set security address-book global address-set servers address web1
set security address-book global address-set servers address web2
set security address-book global address-set servers address-set more
set security address-book global address-set more address pool
set security address-book global address unused 192.0.2.60/32
set security address-book dmz-book address db 192.0.2.33/32
set security address-book dmz-book attach zone dmz
set security screen ids-option untrust-screen icmp ping-death
set security nat source pool out address 203.0.113.5/32
set security nat source rule-set office from zone office
set security nat source rule-set office to zone untrust
set security nat source rule-set office rule all match source-address 198.51.100.0/24
set security nat source rule-set office rule all then source-nat interface
set security nat destination pool web1 address 192.0.2.10/32
set security nat destination pool web1 address port 8443
set security nat destination rule-set in from zone untrust
set security nat destination rule-set in rule web match destination-address 203.0.113.3/32
set security nat destination rule-set in rule web match destination-port 443
set security nat destination rule-set in rule web then destination-nat pool web1
set security policies from-zone untrust to-zone dmz policy web match source-address any
set security policies from-zone untrust to-zone dmz policy web match destination-address servers
set security policies from-zone untrust to-zone dmz policy web match application junos-https
set security policies from-zone untrust to-zone dmz policy web match application custom-web
set security policies from-zone untrust to-zone dmz policy web then permit
set security policies from-zone untrust to-zone dmz policy web then log session-close
set security policies from-zone untrust to-zone dmz policy mail match source-address any
set security policies from-zone untrust to-zone dmz policy mail match destination-address mail
set security policies from-zone untrust to-zone dmz policy mail match application junos-smtp
set security policies from-zone untrust to-zone dmz policy mail then permit
set security policies from-zone office to-zone dmz policy db match source-address any
set security policies from-zone office to-zone dmz policy db match destination-address db
set security policies from-zone office to-zone dmz policy db match application sql
set security policies from-zone office to-zone dmz policy db then permit
set security policies from-zone office to-zone dmz policy not-web1 match source-address any
set security policies from-zone office to-zone dmz policy not-web1 match destination-address web1
set security policies from-zone office to-zone dmz policy not-web1 match destination-address-excluded
set security policies from-zone office to-zone dmz policy not-web1 match application junos-ssh
set security policies from-zone office to-zone dmz policy not-web1 then permit
set security policies global policy ping match source-address any
set security policies global policy ping match destination-address any
set security policies global policy ping match application junos-ping
set security policies global policy ping match from-zone office
set security policies global policy ping match from-zone dmz
set security policies global policy ping match to-zone any
set security policies global policy ping then permit
set security policies default-policy deny-all
set security zones security-zone untrust screen untrust-screen
set security zones security-zone untrust interfaces ge-0/0/0.0
set security zones security-zone dmz interfaces ge-0/0/1.0 host-inbound-traffic system-services ping
set security zones security-zone office host-inbound-traffic system-services all
set security zones security-zone office host-inbound-traffic system-services telnet except
set security zones security-zone office host-inbound-traffic protocols bgp
set security zones security-zone office interfaces ge-0/0/2.0
set applications application custom-web protocol tcp
set applications application custom-web destination-port 8080-8090
set applications application sql term t1 protocol tcp
set applications application sql term t1 destination-port 1433
set applications application sql term t2 protocol udp
set applications application sql term t2 destination-port 1434
)";

}  // namespace demarc::samples
