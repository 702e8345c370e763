#pragma once

#include <napi.h>

#include <vector>

#include "hooks/attachments.h"

namespace frankentorch::binding {

struct Addon;

// What src/model makes of a list of interventions, each for one point: { kind, point, … }.
std::vector<Attachment> to_attachments(Addon& addon, const Napi::Value& value);

}  // namespace frankentorch::binding
