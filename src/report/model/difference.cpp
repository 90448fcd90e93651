#include "report/model/difference.h"

namespace ft::report::model {

std::string_view name_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::Same:
      return "same";
    case Verdict::More:
      return "more";
    case Verdict::Less:
      return "less";
    case Verdict::Unknown:
      return "unknown";
  }
  return "unknown";
}

}  // namespace ft::report::model
