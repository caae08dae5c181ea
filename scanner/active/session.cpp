#include "scanner/active/session.h"

#include <unistd.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>

#include "scanner/active/probe_socket.h"
#include "scanner/active/socket_address.h"

namespace demarc {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using namespace std::chrono_literals;

namespace {

constexpr std::chrono::milliseconds kConnectTime = 2000ms, kAskAgain = 10ms;
constexpr unsigned kReadsMax = 4096;  // a peer that sends byte by byte does not keep us for ever either

class TcpSession final : public Session {
 public:
  TcpSession(asio::io_context& io, const Target& target, Port port, Conversation conversation,
             MayConnect may_connect, Done done)
      : socket_(io),
        timer_(io),
        target_(target),
        port_(port),
        conversation_(std::move(conversation)),
        may_connect_(std::move(may_connect)),
        done_(std::move(done)) {}

  void begin(int fd) {
    if (fd >= 0) {
      error_code error;
      socket_.assign(protocol(), fd, error);
      if (error)
        close(fd);
      else
        socket_.non_blocking(true, error);
      if (error) conversation_.on_closed();
    } else {
      open_first_ = true;
    }
    // Not from inside the caller: `done` must never come before start() has returned.
    asio::post(socket_.get_executor(), [self = self()] { self->next_step(); });
  }

  void cancel() override {
    done_ = nullptr;
    abandon_connection();
    timer_.cancel();
  }

 private:
  std::shared_ptr<TcpSession> self() { return std::static_pointer_cast<TcpSession>(shared_from_this()); }
  tcp protocol() const { return target_.address().is_ipv4() ? tcp::v4() : tcp::v6(); }

  void next_step() {
    if (!done_) return;
    step_ = conversation_.next();
    if (step_.finished) return finish();
    if (step_.fresh_connection || open_first_) {
      open_first_ = false;
      abandon_connection();
      return connect();
    }
    speak();
  }

  void connect() {
    if (!done_) return;
    ++turn_;
    if (!may_connect_(target_)) {
      timer_.expires_after(kAskAgain);
      timer_.async_wait([self = self()](error_code error) {
        if (!error) self->connect();
      });
      return;
    }
    error_code error;
    socket_.open(protocol(), error);
    if (error) {  // no descriptor just now: as good as a connection that was not accepted
      conversation_.on_closed();
      return next_step();
    }
    SocketAddress to(target_.address(), port_);
    tcp::endpoint endpoint;
    endpoint.resize(to.size());
    std::memcpy(endpoint.data(), to.get(), to.size());
    arm(kConnectTime);
    socket_.async_connect(endpoint, [self = self(), turn = turn_](error_code failed) {
      if (turn != self->turn_ || !self->done_) return;
      if (failed || is_self_connect(self->socket_.native_handle())) {
        self->closed();
      } else {
        self->speak();
      }
    });
  }

  void speak() {
    ++turn_;
    reads_ = 0;
    arm(step_.wait);
    if (step_.request.empty()) return read();
    spoken_ = true;
    asio::async_write(socket_, asio::buffer(step_.request),
                      [self = self(), turn = turn_](error_code failed, std::size_t) {
                        // A peer that has closed may still have said something: reading tells.
                        if (turn == self->turn_ && self->done_ && !failed) return;
                      });
    read();
  }

  void read() {
    socket_.async_read_some(
        asio::buffer(buffer_), [self = self(), turn = turn_](error_code failed, std::size_t count) {
          if (turn != self->turn_ || !self->done_) return;
          if (count > 0) {
            self->spoken_ = true;
            if (self->conversation_.on_bytes(Bytes(self->buffer_.data(), count)) || ++self->reads_ > kReadsMax) {
              ++self->turn_;
              self->timer_.cancel();
              return self->next_step();
            }
          }
          if (failed)
            self->closed();
          else
            self->read();
        });
  }

  void closed() {
    ++turn_;
    timer_.cancel();
    conversation_.on_closed();
    next_step();
  }

  void arm(std::chrono::milliseconds wait) {
    timer_.expires_after(wait);
    timer_.async_wait([self = self(), turn = turn_](error_code error) {
      if (error || turn != self->turn_ || !self->done_) return;
      ++self->turn_;
      error_code ignored;
      self->socket_.cancel(ignored);
      self->conversation_.on_silence();
      self->next_step();
    });
  }

  /// In order where data was exchanged, so that the peer logs an ordinary end; by reset where nothing was said.
  void abandon_connection() {
    if (!socket_.is_open()) return;
    ++turn_;
    error_code ignored;
    if (!spoken_) socket_.set_option(asio::socket_base::linger(true, 0), ignored);
    socket_.close(ignored);
    spoken_ = false;
  }

  void finish() {
    abandon_connection();
    timer_.cancel();
    Done done = std::move(done_);
    done_ = nullptr;
    if (done) done(conversation_.seen());
  }

  tcp::socket socket_;
  asio::steady_timer timer_;
  Target target_;
  Port port_;
  Conversation conversation_;
  MayConnect may_connect_;
  Done done_;
  Conversation::Step step_;
  std::array<std::uint8_t, 4096> buffer_{};
  std::uint64_t turn_ = 0;  // what was started in an earlier turn is ignored when it completes
  unsigned reads_ = 0;
  bool open_first_ = false, spoken_ = false;
};

}  // namespace

std::shared_ptr<Session> Session::start(asio::io_context& io, int fd, const Target& target, Port port,
                                        Conversation conversation, MayConnect may_connect, Done done) {
  auto session = std::make_shared<TcpSession>(io, target, port, std::move(conversation), std::move(may_connect),
                                              std::move(done));
  session->begin(fd);
  return session;
}

}  // namespace demarc
