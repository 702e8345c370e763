#include "interventions.h"

#include <array>

#include "addon.h"
#include "fields.h"
#include "hooks/intervention.h"
#include "hooks/recorded.h"
#include "hooks/swap.h"
#include "programs.h"
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
  options.tokens = swap_tokens(unwrap_tensor(fields.get("source")), fields.integers("sourcePositions"),
                               static_cast<int64_t>(options.positions.size()), fields.flag("resample"));
  options.append_at_decode = fields.flag("append");
  return std::make_shared<Swap>(std::move(options));
}

std::map<int64_t, Positions> to_rows(const Napi::Value& value) {
  std::map<int64_t, Positions> rows;
  to_vector(value, "rows", [&](const Napi::Value& entry) {
    const Fields fields(entry, "row");
    Positions positions;
    if (fields.has("first")) positions.first = fields.integer("first");
    if (fields.has("positions")) positions.listed = fields.integers("positions");
    positions.sources = fields.integers("sources");
    if (fields.has("sample")) positions.sample = static_cast<uint64_t>(fields.integer("sample"));
    rows[fields.integer("row")] = std::move(positions);
    return true;
  });
  if (rows.empty()) fail("ERR_INVALID_ARGUMENT", "Expected at least one row for an intervention");
  return rows;
}

Selection to_selection(const Fields& fields) {
  using Steps = Selection::Steps;
  Selection selection;
  selection.point = fields.text("point");
  selection.steps = one_of<Steps, 3>(fields.text("steps"),
                                     {{{"prefill", Steps::prefill}, {"decode", Steps::decode}, {"all", Steps::all}}});
  selection.rows = to_rows(fields.get("rows"));
  if (fields.has("heads")) selection.heads = fields.integers("heads");
  return selection;
}

std::shared_ptr<Hook> to_intervention(const std::string& kind, const Fields& fields) {
  using Kind = Intervention::Kind;
  Intervention::Options options;
  options.kind = one_of<Kind, 6>(kind, {{{"zero", Kind::zero},
                                         {"add", Kind::add},
                                         {"replace", Kind::replace},
                                         {"scale", Kind::scale},
                                         {"noise", Kind::noise},
                                         {"skip", Kind::skip}}});
  options.where = to_selection(fields);
  if (fields.has("tensor")) options.tensor = unwrap_tensor(fields.get("tensor")).reshape(fields.integers("shape"));
  if (fields.has("factor")) options.factor = fields.number("factor");
  if (fields.has("standardDeviation")) options.standard_deviation = fields.number("standardDeviation");
  if (fields.has("seed")) options.seed = static_cast<uint64_t>(fields.integer("seed"));
  return std::make_shared<Intervention>(std::move(options));
}

std::shared_ptr<Hook> to_recorded(const Fields& fields) {
  const auto recorded = to_program(fields.get("program"));
  return std::make_shared<Recorded>(std::shared_ptr<const Program>(recorded, &recorded->program), to_selection(fields),
                                    static_cast<uint64_t>(fields.integer("seed")));
}

std::shared_ptr<Hook> to_callback(Addon& addon, const Fields& fields) {
  return std::make_shared<Callback>(addon.callbacks.ask(fields.integer("callback")), to_selection(fields));
}

std::shared_ptr<Hook> to_hook(Addon& addon, const Fields& fields) {
  const std::string kind = fields.text("kind");
  if (kind == "swap") return to_swap(fields);
  if (kind == "callback") return to_callback(addon, fields);
  return kind == "program" ? to_recorded(fields) : to_intervention(kind, fields);
}

}  // namespace

std::vector<Attachment> to_attachments(Addon& addon, const Napi::Value& value) {
  return to_vector(value, "interventions", [&](const Napi::Value& intervention) {
    const Fields fields(intervention, "intervention");
    return Attachment{fields.text("point"), to_hook(addon, fields)};
  });
}

}  // namespace frankentorch::binding
