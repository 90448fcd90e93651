// Strings as strace prints them, and back to bytes.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace ft::capture::strace {

// Undoes strace's escapes: \n \t \v \f \r \" \\ , octal \1 \012, hexadecimal \x2f. Anything else
// after a backslash stands for itself.
std::string unescape(std::string_view text);

// The bytes of "..." at the front of `text`, "..." appended where strace cut it short. Nothing but
// an empty string where `text` is no string.
std::string quoted_string(std::string_view text);

// The elements of ["a", "b"...]; an ellipsis for elements left out becomes "...".
std::vector<std::string> quoted_array(std::string_view text);

}  // namespace ft::capture::strace
