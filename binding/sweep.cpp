#include "model/sweep.h"

#include "addon.h"
#include "fields.h"
#include "hooks/swap.h"
#include "interventions.h"
#include "loaded_model.h"
#include "model_arguments.h"
#include "replies.h"
#include "tensors.h"

namespace frankentorch::binding {
namespace {

// What a source is made of, before it is known which of its layers are needed.
struct CapturedSource {
  std::vector<at::Tensor> keys, values;  // by layer, [1, kv_heads, tokens, head_dim]
  std::vector<int64_t> positions;
  bool resample = false;
};

std::vector<CapturedSource> to_sources(const Napi::Value& value) {
  return to_vector(value, "sources", [](const Napi::Value& source) {
    const Fields fields(source, "source");
    auto tensors = [&](const char* name) {
      return to_vector(fields.get(name), name, [](const Napi::Value& tensor) {
        return is_given(tensor) ? unwrap_tensor(tensor) : at::Tensor();
      });
    };
    return CapturedSource{tensors("keys"), tensors("values"), fields.integers("positions"), fields.flag("resample")};
  });
}

struct RowArguments {
  SweepRow row;
  std::optional<size_t> source;
};

std::vector<RowArguments> to_rows(const Napi::Value& value, int64_t num_layers) {
  return to_vector(value, "rows", [&](const Napi::Value& given) {
    const Fields fields(given, "row");
    RowArguments out;
    out.row.options = to_row_option(fields.get("options"));
    out.row.layer = fields.integer("layer");
    out.row.token = fields.integer("token");
    if (!fields.has("swap")) return out;
    const Fields swap(fields.get("swap"), "swap");
    RowSwap& into = out.row.swap.emplace();
    into.layers.resize(num_layers);
    for (const int64_t layer : swap.integers("layers")) into.layers.at(layer) = true;
    into.keys = swap.flag("keys");
    into.values = swap.flag("values");
    into.recurs = swap.flag("recurs");
    out.source = static_cast<size_t>(swap.integer("source"));
    return out;
  });
}

std::shared_ptr<const SwapSource> source_of(const CapturedSource& captured, int64_t image_tokens) {
  auto source = std::make_shared<SwapSource>();
  auto take = [&](const at::Tensor& tensor) {
    return tensor.defined() ? swap_tokens(tensor, captured.positions, image_tokens, captured.resample) : tensor;
  };
  for (const auto& keys : captured.keys) source->keys.push_back(take(keys));
  for (const auto& values : captured.values) source->values.push_back(take(values));
  return source;
}

// (model, inputs: one row, interventions, cancellation?) -> Promise<{ keys, values }>, by layer. What comes after the
// last layer is left out.
Napi::Value prefill(Addon& addon, const Napi::CallbackInfo& info) {
  auto pass = [loaded = unwrap<LoadedModel>(info[0], "model"), inputs = to_inputs(info[1]),
               hooks = to_attachments(addon, info[2])](Turn& turn) {
    Attachments attachments;
    for (const auto& hook : hooks) attachments.attach(hook);
    return keys_values_of(loaded->model, inputs, turn, &attachments);
  };
  return addon.engine.run(info.Env(), to_cancellation(info[3]), std::move(pass),
                          [&addon](Napi::Env env, const SwapSource& source) {
                            auto list = [&](const std::vector<at::Tensor>& layers) {
                              Napi::Array array = Napi::Array::New(env, layers.size());
                              for (size_t i = 0; i < layers.size(); ++i)
                                array.Set(static_cast<uint32_t>(i), wrap_tensor(addon, env, layers[i]));
                              return array;
                            };
                            Napi::Object result = Napi::Object::New(env);
                            result.Set("keys", list(source.keys));
                            result.Set("values", list(source.values));
                            return result;
                          });
}

// (model, inputs, { image: positions, sources, rows, interventions, maxBytes }, cancellation?) -> Promise<{ rows,
// timings }>
Napi::Value sweep(Addon& addon, const Napi::CallbackInfo& info) {
  const Fields fields(info[2], "sweep");
  const auto loaded = unwrap<LoadedModel>(info[0], "model");
  auto run = [loaded, inputs = to_inputs(info[1]), image = fields.integers("image"),
              captured = to_sources(fields.get("sources")),
              arguments = to_rows(fields.get("rows"), loaded->model.config().num_hidden_layers),
              hooks = to_attachments(addon, fields.get("interventions")),
              max_bytes = fields.integer("maxBytes")](Turn& turn) mutable {
    std::vector<std::shared_ptr<const SwapSource>> sources;
    for (const auto& one : captured) sources.push_back(source_of(one, static_cast<int64_t>(image.size())));
    std::vector<SweepRow> rows;
    for (auto& [row, source] : arguments) {
      if (source) row.swap->source = sources.at(*source);
      rows.push_back(std::move(row));
    }
    Replies replies(rows.size());
    Sweep sweep(loaded->model, std::move(inputs), std::move(image), std::move(rows), std::move(hooks));
    sweep.run(max_bytes, turn, [&](const std::vector<Emitted>& emitted) { replies.take(emitted); });
    replies.timings = sweep.timings();
    return replies;
  };
  return addon.engine.run(info.Env(), to_cancellation(info[3]), std::move(run), from_replies);
}

}  // namespace

void define_sweep(Napi::Object exports, Addon& addon) {
  define<prefill>(exports, "prefill", addon);
  define<sweep>(exports, "sweep", addon);
}

}  // namespace frankentorch::binding
