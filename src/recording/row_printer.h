// Prints a query's answer: as a table for people, as CSV (RFC 4180) or as a JSON array of objects
// for programs. Memory is bounded: rows go out as they come; a table looks at its first rows to
// choose its columns' widths.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string_view>

#include "recording/query_engine.h"

namespace ft::recording {

enum class RowFormat : std::uint8_t { Table, Csv, Json };

std::optional<RowFormat> row_format_named(std::string_view name);

// Where the text goes; false: nobody listens any more, stop.
using TextOutput = std::function<bool(std::string_view)>;

class RowPrinter : public RowVisitor {
 public:
  // What is still due once all rows came. Not to be called where the query failed.
  virtual void finish() = 0;
};

// Table: only printable characters; NULL is shown as NULL. CSV: bytes as they are, NULL is empty.
// JSON: invalid UTF-8 becomes U+FFFD; of columns of one name the second is called name_2. Blobs are
// shown in hexadecimal.
std::unique_ptr<RowPrinter> make_row_printer(RowFormat format, TextOutput output);

}  // namespace ft::recording
