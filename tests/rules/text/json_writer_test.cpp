#include "rules/text/json_writer.h"

#include <doctest/doctest.h>

#include <cmath>

using namespace demarc;

TEST_CASE("compact and indented JSON of the same value") {
  auto write = [](JsonWriter::Style style) {
    JsonWriter json(style);
    json.begin_object().field("a", 1).key("b").begin_array().value("x").value(true).null().end_array();
    json.key("empty").begin_object().end_object().field("loss", 0.0004).field("nan", std::nan("")).end_object();
    return json.take();
  };
  CHECK(write(JsonWriter::Style::compact) == R"({"a":1,"b":["x",true,null],"empty":{},"loss":0.0004,"nan":null})");
  CHECK(write(JsonWriter::Style::indented) ==
        "{\n  \"a\": 1,\n  \"b\": [\n    \"x\",\n    true,\n    null\n  ],\n  \"empty\": {},\n  \"loss\": "
        "0.0004,\n  \"nan\": null\n}");
}
