// The page that web/ was bundled into, with kDataMark where the data belong.
#pragma once

#include <string_view>

namespace ft::report::html {

inline constexpr std::string_view kDataMark = "@firsttouch-data@";

std::string_view page();

}  // namespace ft::report::html
