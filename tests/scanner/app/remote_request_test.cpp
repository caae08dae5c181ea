#include "scanner/app/remote_request.h"

#include <doctest/doctest.h>
#include <rapidcheck.h>

using namespace demarc;

namespace {
RemoteRequest example() {
  RemoteRequest r;
  r.rules.files = {{"/etc/demarc/demarc.yaml", "demarc: 1\n{\"part\":\"go\"}\n"}, {"env/a.yaml", ""}};
  r.rules.variables = {{"DEMARC_ENV", "a"}};
  r.targets = "192.0.2.11\n";
  r.journal = std::string("line\nwithout end \0 and more", 26);
  return r;
}
}  // namespace

TEST_CASE("a request is read as it was written, in pieces of any size") {
  RemoteRequest sent = example();
  std::string text = remote_request_text(sent) + std::string(kStopLine);
  rc::check([&] {
    RemoteRequestReader reader;
    for (std::size_t at = 0; at < text.size();) {
      std::size_t size = static_cast<std::size_t>(*rc::gen::inRange(1, 60));
      RC_ASSERT(reader.feed(std::string_view(text).substr(at, size)).has_value());
      at += size;
    }
    RC_ASSERT(reader.complete());
    RC_ASSERT(reader.rest() == kStopLine);
    RemoteRequest got = reader.take();
    RC_ASSERT(got.rules.files == sent.rules.files);
    RC_ASSERT(got.rules.variables == sent.rules.variables);
    RC_ASSERT(got.targets == sent.targets);
    RC_ASSERT(got.journal == sent.journal);
  });
}

TEST_CASE("what is no request is refused, with its line") {
  struct Row {
    const char *text, *says;
  };
  const std::string head = "{\"demarc\":\"scan-request\",\"version\":1}\n";
  for (const Row& row :
       {Row{"{\"part\":\"go\"}\n", "it brings no rule set"}, Row{"{\"part\":\"shell\",\"bytes\":1}\n", "not known"},
        Row{"{\"part\":\"rules\",\"name\":\"a\"}\n", "has no size"},
        Row{"{\"part\":\"rules\",\"name\":\"a\",\"bytes\":99999999999}\n", "too large"},
        Row{"{\"part\":\"rules\",\"name\":\"a\",\"bytes\":-1}\n", "has no size"},
        Row{"{\"part\":\"journal\",\"bytes\":0}\n{\"part\":\"journal\",\"bytes\":0}\n", "comes twice"},
        Row{"{\"part\":\"variable\",\"value\":\"x\"}\n", "without name"}, Row{"not JSON\n", ""}}) {
    CAPTURE(row.text);
    RemoteRequestReader reader;
    Result<void> read = reader.feed(head + row.text);
    REQUIRE_FALSE(read);
    CHECK(read.error().what.find(row.says) != std::string::npos);
    CHECK(read.error().where.line >= 2);
  }
  CHECK_FALSE(RemoteRequestReader().feed("{\"demarc\":\"scan-request\",\"version\":2}\n"));
  CHECK_FALSE(RemoteRequestReader().feed("{\"demarc\":\"scan\",\"version\":1}\n"));
  CHECK_FALSE(RemoteRequestReader().feed(std::string(100'000, 'x')));

  RemoteRequestReader many;
  std::string flood = head;
  for (int i = 0; i < 1000; ++i) flood += "{\"part\":\"variable\",\"name\":\"A\",\"value\":\"b\"}\n";
  CHECK_FALSE(many.feed(flood));

  // Announced and never sent: no memory is taken for it.
  RemoteRequestReader large;
  CHECK(large.feed(head + "{\"part\":\"journal\",\"bytes\":1000000000}\n"));
  CHECK_FALSE(large.complete());
}

TEST_CASE("any bytes at all are read or refused") {
  rc::check([](const std::string& bytes) {
    RemoteRequestReader reader;
    (void)reader.feed("{\"demarc\":\"scan-request\",\"version\":1}\n" + bytes);
    RC_ASSERT(!reader.complete());
  });
}
