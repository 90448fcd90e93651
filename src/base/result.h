// How everything that depends on input or on the host fails: a value, or an Error that says what
// failed, why, and what the user can do about it.
#pragma once

#include <expected>
#include <string>
#include <utility>

namespace ft {

struct Error {
  std::string what;    // what was being done or read, with its position: "trace.log:17:4"
  std::string why;     // "No such file or directory"
  std::string remedy;  // what to do about it; may be empty

  // "what: why (remedy)"
  std::string message() const;
};

template <typename T>
using Result = std::expected<T, Error>;

inline std::unexpected<Error> fail(std::string what, std::string why, std::string remedy = {}) {
  return std::unexpected(Error{std::move(what), std::move(why), std::move(remedy)});
}

// `why` is strerror(error_number).
std::unexpected<Error> fail_errno(std::string what, int error_number, std::string remedy = {});

}  // namespace ft

// Evaluates to the value of a Result, or returns its Error from the enclosing function.
#define FT_TRY(expression)                                   \
  __extension__({                                            \
    auto ft_result_ = (expression);                          \
    if (!ft_result_) [[unlikely]]                            \
      return std::unexpected(std::move(ft_result_).error()); \
    std::move(ft_result_).value();                           \
  })

// The same for a Result<void>.
#define FT_TRY_VOID(expression)                                   \
  do {                                                            \
    if (auto ft_result_ = (expression); !ft_result_) [[unlikely]] \
      return std::unexpected(std::move(ft_result_).error());      \
  } while (false)
