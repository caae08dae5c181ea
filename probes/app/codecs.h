// The requests and readers behind the rows of app_probes.cpp, one file for each family of protocols. A reader may
// see any bytes at all: another protocol's, half an answer, hostile ones. It recognises only what the protocol must
// say.
#pragma once

#include <string>
#include <string_view>

#include "probes/app/app_probe.h"

namespace demarc::app {

// greetings.cpp: line protocols in which the server speaks first, and a few small ones
Heard read_ssh(Bytes reply);
Heard read_smtp(Bytes reply);
ByteString smtp_ehlo();
Heard read_smtp_ehlo(Bytes reply);
Heard read_ftp(Bytes reply);
Heard read_pop3(Bytes reply);
Heard read_imap(Bytes reply);
Heard read_vnc(Bytes reply);
Heard read_telnet(Bytes reply);
Heard read_rsync(Bytes reply);

// http.cpp
ByteString http_get();
Heard read_http(Bytes reply);

// tls.cpp
ByteString tls_client_hello();
ByteString tls13_client_hello();
Heard read_tls(Bytes reply);

// windows.cpp
ByteString smb2_negotiate();
ByteString smb1_negotiate();
Heard read_smb(Bytes reply);
ByteString netbios_session_request();
Heard read_netbios_session(Bytes reply);
ByteString msrpc_bind();
Heard read_msrpc(Bytes reply);
ByteString rdp_connect();
Heard read_rdp(Bytes reply);

// databases.cpp
ByteString mssql_prelogin();
Heard read_mssql(Bytes reply);
Heard read_mysql(Bytes reply);
ByteString postgresql_ssl_request();
Heard read_postgresql(Bytes reply);
ByteString redis_ping();
Heard read_redis(Bytes reply);
ByteString memcached_version();
Heard read_memcached(Bytes reply);

// directory.cpp
ByteString ldap_root_dse();
Heard read_ldap(Bytes reply);
ByteString dns_version_bind();
Heard read_dns(Bytes reply);

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

}  // namespace demarc::app
