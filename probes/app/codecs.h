// The requests and readers behind the rows of app_probes.cpp, one file for each family of protocols. A reader may
// see any bytes at all: another protocol's, half an answer, hostile ones. It recognises only what the protocol must
// say.
#pragma once

#include <string>
#include <string_view>

#include "probes/app/app_probe.h"

namespace demarc::app {

// greetings.cpp: line protocols in which the server speaks first
Heard read_ssh(Bytes reply);
Heard read_smtp(Bytes reply);
Heard read_ftp(Bytes reply);
Heard read_pop3(Bytes reply);
Heard read_imap(Bytes reply);
Heard read_nntp(Bytes reply);
Heard read_irc(Bytes reply);
Heard read_rsync(Bytes reply);

// terminals.cpp: screens and keyboards over the network
Heard read_telnet(Bytes reply);
ByteString telnet_refusals(std::string_view host);
Heard read_vnc(Bytes reply);
ByteString vnc_version(std::string_view host);
Heard read_vnc_security(Bytes reply);
ByteString x11_setup(std::string_view host);
Heard read_x11(Bytes reply);

// starttls.cpp: what line protocols offer before anybody logs in, and the word that begins TLS
ByteString smtp_ehlo(std::string_view host);
Heard read_smtp_ehlo(Bytes reply);
Heard read_smtp_capabilities(Bytes reply);
ByteString smtp_starttls(std::string_view host);
Heard read_smtp_starttls(Bytes reply);
ByteString ftp_feat(std::string_view host);
Heard read_ftp_feat(Bytes reply);
ByteString ftp_auth_tls(std::string_view host);
Heard read_ftp_auth_tls(Bytes reply);
ByteString pop3_capa(std::string_view host);
Heard read_pop3_capa(Bytes reply);
ByteString pop3_stls(std::string_view host);
Heard read_pop3_stls(Bytes reply);
ByteString imap_capability(std::string_view host);
Heard read_imap_capability(Bytes reply);
ByteString imap_starttls(std::string_view host);
Heard read_imap_starttls(Bytes reply);

// http.cpp: HTTP and those that share its form
ByteString http_get(std::string_view host);
Heard read_http(Bytes reply);
ByteString winrm_negotiate(std::string_view host);
Heard read_winrm(Bytes reply);
ByteString sip_options(std::string_view host);
Heard read_sip(Bytes reply);
ByteString rtsp_options(std::string_view host);
Heard read_rtsp(Bytes reply);

// tls.cpp
ByteString tls_client_hello(std::string_view host);
ByteString tls13_client_hello(std::string_view host);
std::string tls_version_name(std::uint16_t version);
Heard read_tls(Bytes reply);

// windows.cpp
ByteString smb2_negotiate(std::string_view host);
ByteString smb2_session_setup(std::string_view host);
ByteString smb1_negotiate(std::string_view host);
Heard read_smb(Bytes reply);
ByteString netbios_session_request(std::string_view host);
Heard read_netbios_session(Bytes reply);
ByteString rdp_connect(std::string_view host);
Heard read_rdp(Bytes reply);

// msrpc.cpp
ByteString msrpc_bind(std::string_view host);
Heard read_msrpc(Bytes reply);
ByteString msrpc_endpoints(std::string_view host);
Heard read_msrpc_endpoints(Bytes reply);

// databases.cpp
ByteString mssql_prelogin(std::string_view host);
Heard read_mssql(Bytes reply);
Heard read_mysql(Bytes reply);
ByteString postgresql_ssl_request(std::string_view host);
Heard read_postgresql(Bytes reply);
ByteString postgresql_no_protocol(std::string_view host);
ByteString redis_ping(std::string_view host);
Heard read_redis(Bytes reply);
ByteString memcached_version(std::string_view host);
Heard read_memcached(Bytes reply);
ByteString oracle_version(std::string_view host);
Heard read_oracle(Bytes reply);
ByteString mongodb_hello(std::string_view host);
ByteString mongodb_build_info(std::string_view host);
Heard read_mongodb(Bytes reply);
ByteString cassandra_options(std::string_view host);
Heard read_cassandra(Bytes reply);

// directory.cpp
ByteString ldap_root_dse(std::string_view host);
Heard read_ldap(Bytes reply);
ByteString ldap_start_tls(std::string_view host);
Heard read_ldap_start_tls(Bytes reply);
ByteString dns_version_bind(std::string_view host);
Heard read_dns(Bytes reply);
ByteString kerberos_as_request(std::string_view host);
Heard read_kerberos(Bytes reply);

// sun_rpc.cpp
ByteString rpcbind_dump(std::string_view host);
Heard read_rpcbind(Bytes reply);
ByteString nfs_null(std::string_view host);
Heard read_nfs(Bytes reply);

// middleware.cpp: queues, brokers, proxies and the like
ByteString socks5_greeting(std::string_view host);
Heard read_socks5(Bytes reply);
ByteString amqp_header(std::string_view host);
Heard read_amqp(Bytes reply);
ByteString mqtt_connect_refused(std::string_view host);
Heard read_mqtt(Bytes reply);
ByteString kafka_api_versions(std::string_view host);
Heard read_kafka(Bytes reply);
ByteString zookeeper_srvr(std::string_view host);
Heard read_zookeeper(Bytes reply);
ByteString ajp_cping(std::string_view host);
Heard read_ajp(Bytes reply);
ByteString rmi_handshake(std::string_view host);
Heard read_rmi(Bytes reply);
ByteString git_upload_pack(std::string_view host);
Heard read_git(Bytes reply);

// Shared by the readers.

inline std::string_view text_of(Bytes bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }
inline ByteString bytes_of(std::string_view text) { return ByteString(text.begin(), text.end()); }
/// Bounded and printable.
std::string evidence_of(Bytes bytes);
/// A product or a version as foreign text: bounded, printable, without blanks at its ends.
std::string word_of(std::string_view text);
/// Up to the end of the line or of the text; `whole` says whether the end was there.
std::string_view first_line(std::string_view text, bool* whole = nullptr);
bool contains_ignoring_case(std::string_view text, std::string_view part);
/// A service with the first line of the reply as evidence.
ServiceSeen service_of(std::string_view name, Bytes reply);
/// Servers that like to say who they are say it somewhere in the greeting: the first product that is named there,
/// and the version behind it.
void find_product(std::string_view line, std::span<const std::string_view> products, ServiceSeen& seen);
std::span<const std::string_view> mail_products();
/// "220 " or "220-": a reply of RFC 5321 §4.2 or RFC 959 §4.2, which share their form.
bool is_reply(std::string_view text, std::string_view code);
/// The last line of a reply of several lines repeats the code with a blank.
bool reply_ended(std::string_view text, std::string_view code);

inline ByteString operator+(ByteString a, const ByteString& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

}  // namespace demarc::app
