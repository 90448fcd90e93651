// The picture as JSON for the page's script; the keys are web/src/data.ts's.
#pragma once

#include <nlohmann/json.hpp>
#include <vector>

#include "report/model/picture.h"
#include "report/model/report.h"

namespace ft::report::html {

nlohmann::ordered_json json_of(const model::Picture& picture);

// Stacks to draw: frames are named once, a stack is a list of their numbers.
nlohmann::ordered_json flame_of(const std::vector<model::SampledStack>& sampled);

}  // namespace ft::report::html
