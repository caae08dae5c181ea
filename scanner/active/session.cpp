#include "scanner/active/session.h"

#include <unistd.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <cstring>
#include <vector>

#include "scanner/active/probe_socket.h"
#include "scanner/active/socket_address.h"
#include "scanner/active/tls_client.h"

namespace demarc {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using namespace std::chrono_literals;

namespace {

constexpr std::chrono::milliseconds kConnectTime = 2000ms, kHandshakeTime = 3000ms, kAskAgain = 10ms;
constexpr unsigned kReadsMax = 4096;  // a peer that sends byte by byte does not keep us for ever either

class TcpSession;

/// One dialogue and the connection it has just now.
class Lane : public std::enable_shared_from_this<Lane> {
 public:
  Lane(asio::io_context& io, std::shared_ptr<TcpSession> session, Dialogue& dialogue)
      : socket_(io), timer_(io), session_(std::move(session)), dialogue_(dialogue) {}

  /// On a connected socket (fd), on one of its own after a while (fd < 0).
  void begin(int fd, std::chrono::milliseconds after);
  /// Does not wait for its turn any longer.
  void hurry();
  void cancel();
  bool waits() const { return waits_; }
  bool ended() const { return session_ == nullptr; }

 private:
  void next_step();
  void connect();
  void speak();
  void shake_hands();
  void send_request();
  void send(ByteString bytes);
  void write();
  void read();
  bool take(Bytes arrived);
  void closed();
  void arm(std::chrono::milliseconds wait);
  void on_time();
  void abandon_connection();

  tcp::socket socket_;
  asio::steady_timer timer_;
  std::shared_ptr<TcpSession> session_;  // none: this lane is at its end
  Dialogue& dialogue_;
  Dialogue::Step step_;
  std::unique_ptr<TlsClient> tls_;
  ByteString sending_, to_send_;
  std::array<std::uint8_t, 4096> buffer_{};
  std::uint64_t turn_ = 0;  // what was started in an earlier turn is ignored when it completes
  unsigned reads_ = 0;
  bool open_first_ = true, spoken_ = false, waits_ = false, shaking_hands_ = false;
};

class TcpSession final : public Session {
 public:
  TcpSession(asio::io_context& io, const Target& target, Port port, ServiceConversation conversation,
             MayConnect may_connect, Done done)
      : target_(target),
        port_(port),
        conversation_(std::move(conversation)),
        io_(io),
        may_connect_(std::move(may_connect)),
        done_(std::move(done)) {
    const std::string address = to_string(target.address());
    conversation_.set_host(target.address().is_ipv4() ? address : "[" + address + "]");
  }

  void begin(int fd) {
    auto self = std::static_pointer_cast<TcpSession>(shared_from_this());
    for (ServiceConversation::Opening& opening : conversation_.openings())
      lanes_.push_back(std::make_shared<Lane>(io_, self, opening.dialogue));
    if (fd >= 0) connections_ = 1;
    for (std::size_t i = 0; i < lanes_.size(); ++i)
      lanes_[i]->begin(i == 0 ? fd : -1, conversation_.openings()[i].after);
  }

  void cancel() override {
    done_ = nullptr;
    end_lanes();
  }

  const Target& target() const { return target_; }
  Port port() const { return port_; }
  bool room() const { return connections_ < ServiceConversation::kConnectionsMax; }
  /// Leave to open one more connection; if it may not be now, the lane asks again.
  bool may_connect() {
    if (!may_connect_(target_)) return false;
    ++connections_;
    return true;
  }

  /// A lane knows what speaks here: the others need not go on.
  void settled(const Lane& knows) {
    for (const std::shared_ptr<Lane>& lane : lanes_)
      if (lane.get() != &knows && !lane->ended()) lane->cancel();
  }
  void lane_ended() {
    if (!done_) return;
    bool all_wait = true, all_ended = true;
    for (const std::shared_ptr<Lane>& lane : lanes_) {
      all_wait = all_wait && (lane->ended() || lane->waits());
      all_ended = all_ended && lane->ended();
    }
    if (all_ended) return finish();
    if (!all_wait) return;
    for (const std::shared_ptr<Lane>& lane : std::vector(lanes_))  // nobody is talking: what are they waiting for?
      if (lane->waits()) lane->hurry();
  }

 private:
  void end_lanes() {
    std::vector<std::shared_ptr<Lane>> lanes = std::move(lanes_);
    lanes_.clear();
    for (const std::shared_ptr<Lane>& lane : lanes)
      if (!lane->ended()) lane->cancel();
  }
  void finish() {
    Done done = std::move(done_);
    done_ = nullptr;
    end_lanes();
    if (done) done(conversation_.seen());
  }

  Target target_;
  Port port_;
  ServiceConversation conversation_;
  asio::io_context& io_;
  MayConnect may_connect_;
  Done done_;
  std::vector<std::shared_ptr<Lane>> lanes_;
  unsigned connections_ = 0;
};

void Lane::begin(int fd, std::chrono::milliseconds after) {
  if (fd >= 0) {
    error_code error;
    socket_.assign(session_->target().address().is_ipv4() ? tcp::v4() : tcp::v6(), fd, error);
    if (error)
      close(fd);
    else
      socket_.non_blocking(true, error);
    if (error) dialogue_.on_closed();
    open_first_ = false;
  }
  if (after > 0ms) {
    waits_ = true;
    timer_.expires_after(after);
    timer_.async_wait([self = shared_from_this()](error_code error) {
      if (!error && self->waits_) self->hurry();
    });
    return;
  }
  // Not from inside the caller: `done` must never come before start() has returned.
  asio::post(socket_.get_executor(), [self = shared_from_this()] { self->next_step(); });
}

void Lane::hurry() {
  waits_ = false;
  timer_.cancel();
  next_step();
}

void Lane::cancel() {
  waits_ = false;
  abandon_connection();
  timer_.cancel();
  session_ = nullptr;
}

void Lane::next_step() {
  if (ended()) return;
  if (dialogue_.settled()) session_->settled(*this);
  step_ = dialogue_.next();
  if (step_.finished) {
    std::shared_ptr<TcpSession> session = session_;
    cancel();
    return session->lane_ended();
  }
  if (step_.fresh_connection || open_first_) {
    open_first_ = false;
    abandon_connection();
    return connect();
  }
  speak();
}

void Lane::connect() {
  if (ended()) return;
  ++turn_;
  if (!session_->room()) return closed();
  if (!session_->may_connect()) {
    timer_.expires_after(kAskAgain);
    timer_.async_wait([self = shared_from_this()](error_code error) {
      if (!error) self->connect();
    });
    return;
  }
  error_code error;
  socket_.open(session_->target().address().is_ipv4() ? tcp::v4() : tcp::v6(), error);
  if (error) return closed();  // no descriptor just now: as good as a connection that was not accepted
  SocketAddress to(session_->target().address(), session_->port());
  tcp::endpoint endpoint;
  endpoint.resize(to.size());
  std::memcpy(endpoint.data(), to.get(), to.size());
  arm(kConnectTime);
  socket_.async_connect(endpoint, [self = shared_from_this(), turn = turn_](error_code failed) {
    if (turn != self->turn_ || self->ended()) return;
    if (failed || is_self_connect(self->socket_.native_handle()))
      self->closed();
    else
      self->speak();
  });
}

void Lane::speak() {
  ++turn_;
  reads_ = 0;
  if (step_.start_tls) return shake_hands();
  arm(step_.wait);
  send_request();
  read();
}

void Lane::shake_hands() {
  tls_ = TlsClient::create();
  if (!tls_) return closed();
  shaking_hands_ = true;
  arm(kHandshakeTime);
  ByteString nothing;
  tls_->receive({}, nothing);
  send(tls_->take_output());
  read();
}

void Lane::send_request() {
  if (step_.request.empty()) return;
  if (!tls_) return send(step_.request);
  if (tls_->send(step_.request)) send(tls_->take_output());
}

void Lane::send(ByteString bytes) {
  if (bytes.empty()) return;
  spoken_ = true;
  to_send_.insert(to_send_.end(), bytes.begin(), bytes.end());
  if (sending_.empty()) write();
}

void Lane::write() {
  if (to_send_.empty()) return;
  sending_.swap(to_send_);
  asio::async_write(
      socket_, asio::buffer(sending_),
      [self = shared_from_this(), connection = socket_.native_handle()](error_code failed, std::size_t) {
        self->sending_.clear();
        // A peer that has closed may still have said something: reading tells.
        if (failed || self->ended() || !self->socket_.is_open() || self->socket_.native_handle() != connection)
          return;
        self->write();
      });
}

void Lane::read() {
  socket_.async_read_some(asio::buffer(buffer_),
                          [self = shared_from_this(), turn = turn_](error_code failed, std::size_t count) {
                            if (turn != self->turn_ || self->ended()) return;
                            if (count > 0) {
                              self->spoken_ = true;
                              if (self->take(Bytes(self->buffer_.data(), count)) || ++self->reads_ > kReadsMax) {
                                ++self->turn_;
                                self->timer_.cancel();
                                return self->next_step();
                              }
                              if (self->ended()) return;
                            }
                            if (failed)
                              self->closed();
                            else
                              self->read();
                          });
}

/// True: the step is done.
bool Lane::take(Bytes arrived) {
  if (!tls_) return dialogue_.on_bytes(arrived);
  ByteString plain;
  const TlsClient::State state = tls_->receive(arrived, plain);
  send(tls_->take_output());
  if (state == TlsClient::State::open && shaking_hands_) {
    shaking_hands_ = false;
    dialogue_.on_tls(tls_->facts());
    timer_.cancel();
    if (step_.wait == 0ms && step_.request.empty()) return true;  // only the certificate was wanted
    arm(step_.wait);
    send_request();
  }
  if (!plain.empty() && dialogue_.on_bytes(plain)) return true;
  if (state != TlsClient::State::failed) return false;
  dialogue_.on_closed();
  return true;
}

void Lane::closed() {
  ++turn_;
  timer_.cancel();
  dialogue_.on_closed();
  next_step();
}

void Lane::arm(std::chrono::milliseconds wait) {
  timer_.expires_after(wait);
  timer_.async_wait([self = shared_from_this(), turn = turn_](error_code error) {
    if (!error && turn == self->turn_ && !self->ended()) self->on_time();
  });
}

void Lane::on_time() {
  // A second timer of the same turn may be on its way: the handshake's, when the answer's was set.
  if (timer_.expiry() > asio::steady_timer::clock_type::now()) return;
  ++turn_;
  error_code ignored;
  socket_.cancel(ignored);
  if (shaking_hands_)
    dialogue_.on_closed();
  else
    dialogue_.on_silence();
  next_step();
}

/// In order where data was exchanged, so that the peer logs an ordinary end; by reset where nothing was said.
void Lane::abandon_connection() {
  tls_ = nullptr;
  shaking_hands_ = false;
  to_send_.clear();
  if (!socket_.is_open()) return;
  ++turn_;
  error_code ignored;
  if (!spoken_) socket_.set_option(asio::socket_base::linger(true, 0), ignored);
  socket_.close(ignored);
  spoken_ = false;
}

}  // namespace

std::shared_ptr<Session> Session::start(asio::io_context& io, int fd, const Target& target, Port port,
                                        ServiceConversation conversation, MayConnect may_connect, Done done) {
  auto session = std::make_shared<TcpSession>(io, target, port, std::move(conversation), std::move(may_connect),
                                              std::move(done));
  session->begin(fd);
  return session;
}

}  // namespace demarc
