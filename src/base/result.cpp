#include "base/result.h"

#include <cstring>

namespace ft {

std::string Error::message() const {
  std::string text = what;
  if (!why.empty()) text += ": " + why;
  if (!remedy.empty()) text += " (" + remedy + ")";
  return text;
}

std::unexpected<Error> fail_errno(std::string what, int error_number, std::string remedy) {
  return fail(std::move(what), std::strerror(error_number), std::move(remedy));
}

}  // namespace ft
