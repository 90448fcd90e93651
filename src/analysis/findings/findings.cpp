#include "analysis/findings/findings.h"

namespace ft::analysis {

std::vector<report::model::Finding> firing(std::vector<report::model::Finding> findings) {
  std::erase_if(findings, [](const report::model::Finding& finding) {
    return finding.state != report::model::FindingState::Fires;
  });
  return findings;
}

}  // namespace ft::analysis
