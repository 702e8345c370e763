#include "interventions.h"

#include <array>

#include "fields.h"
#include "hooks/intervention.h"
#include "hooks/swap.h"
#include "tensors.h"

namespace frankentorch::binding {
namespace {

template <class Value, size_t count>
Value one_of(const std::string& name, const std::array<std::pair<const char*, Value>, count>& names) {
  for (const auto& [known, value] : names)
    if (name == known) return value;
  fail("ERR_INVALID_ARGUMENT", "Expected a known word in an intervention but received '", name, "'");
}

std::shared_ptr<Hook> to_swap(const Fields& fields) {
  Swap::Options options;
  options.positions = fields.integers("positions");
  options.source_positions = fields.integers("sourcePositions");
  options.resample = fields.flag("resample");
  options.append_at_decode = fields.flag("append");
  return std::make_shared<Swap>(unwrap_tensor(fields.get("source")), std::move(options));
}

std::map<int64_t, Positions> to_rows(const Napi::Value& value) {
  std::map<int64_t, Positions> rows;
  to_vector(value, "rows", [&](const Napi::Value& entry) {
    const Fields fields(entry, "row");
    Positions positions;
    if (fields.has("first")) positions.first = fields.integer("first");
    if (fields.has("positions")) positions.listed = fields.integers("positions");
    positions.sources = fields.integers("sources");
    rows[fields.integer("row")] = std::move(positions);
    return true;
  });
  if (rows.empty()) fail("ERR_INVALID_ARGUMENT", "Expected at least one row for an intervention");
  return rows;
}

std::shared_ptr<Hook> to_intervention(const std::string& kind, const Fields& fields) {
  using Kind = Intervention::Kind;
  using Steps = Intervention::Steps;
  Intervention::Options options;
  options.kind = one_of<Kind, 6>(kind, {{{"zero", Kind::zero},
                                         {"add", Kind::add},
                                         {"replace", Kind::replace},
                                         {"scale", Kind::scale},
                                         {"noise", Kind::noise},
                                         {"skip", Kind::skip}}});
  options.steps = one_of<Steps, 3>(fields.text("steps"),
                                   {{{"prefill", Steps::prefill}, {"decode", Steps::decode}, {"all", Steps::all}}});
  options.point = fields.text("point");
  options.rows = to_rows(fields.get("rows"));
  if (fields.has("heads")) options.heads = fields.integers("heads");
  if (fields.has("tensor")) options.tensor = unwrap_tensor(fields.get("tensor")).reshape(fields.integers("shape"));
  if (fields.has("factor")) options.factor = fields.number("factor");
  if (fields.has("standardDeviation")) options.standard_deviation = fields.number("standardDeviation");
  if (fields.has("seed")) options.seed = static_cast<uint64_t>(fields.integer("seed"));
  return std::make_shared<Intervention>(std::move(options));
}

}  // namespace

std::vector<Attachment> to_attachments(const Napi::Value& value) {
  return to_vector(value, "interventions", [](const Napi::Value& intervention) {
    const Fields fields(intervention, "intervention");
    const std::string kind = fields.text("kind");
    return Attachment{fields.text("point"), kind == "swap" ? to_swap(fields) : to_intervention(kind, fields)};
  });
}

}  // namespace frankentorch::binding
