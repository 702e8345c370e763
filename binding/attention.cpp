#include "addon.h"
#include "fields.h"
#include "hooks/attention_mass.h"
#include "loaded_model.h"
#include "model_arguments.h"

namespace frankentorch::binding {
namespace {

// (model, inputs: one row, { queries: groups of positions, keys: positions }, cancellation?) -> Promise of means by
// layer, group and head. One layer's probabilities at a time are made.
Napi::Value attention_mass(Addon& addon, const Napi::CallbackInfo& info) {
  const Fields fields(info[2], "options");
  const auto queries =
      to_vector(fields.get("queries"), "queries", [](const Napi::Value& group) { return to_ints(group, "queries"); });
  const auto keys = fields.integers("keys");
  auto pass = [loaded = unwrap<LoadedModel>(info[0], "model"), inputs = to_inputs(info[1]), queries, keys](Turn& turn) {
    const Qwen2_5_VL& model = loaded->model;
    std::vector<std::shared_ptr<AttentionMass>> layers;
    Attachments attachments;
    for (int64_t layer = 0; layer < model.config().num_hidden_layers; ++layer) {
      layers.push_back(std::make_shared<AttentionMass>(queries, keys));
      attachments.attach({"language_model.layers." + std::to_string(layer) + ".self_attn.weights", layers.back()});
    }
    Packed packed = model.pack(inputs);
    model.decode(model.embed(inputs, packed, turn), packed.batch, turn, &attachments);
    return layers;
  };
  return addon.engine.run(info.Env(), to_cancellation(info[3]), std::move(pass),
                          [](Napi::Env env, const std::vector<std::shared_ptr<AttentionMass>>& layers) {
                            Napi::Array list = Napi::Array::New(env, layers.size());
                            for (size_t layer = 0; layer < layers.size(); ++layer) {
                              const auto& means = layers[layer]->means();
                              Napi::Array groups = Napi::Array::New(env, means.size());
                              for (size_t g = 0; g < means.size(); ++g) {
                                const at::Tensor heads = means[g].to(at::kCPU).contiguous();
                                Napi::Array values = Napi::Array::New(env, heads.numel());
                                for (int64_t h = 0; h < heads.numel(); ++h)
                                  values.Set(static_cast<uint32_t>(h), heads.const_data_ptr<double>()[h]);
                                groups.Set(static_cast<uint32_t>(g), values);
                              }
                              list.Set(static_cast<uint32_t>(layer), groups);
                            }
                            return list;
                          });
}

}  // namespace

void define_attention(Napi::Object exports, Addon& addon) {
  define<attention_mass>(exports, "attentionMass", addon);
}

}  // namespace frankentorch::binding
