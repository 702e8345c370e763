#include "model/decoder.h"

#include "model/attention.h"
#include "training/recompute.h"

namespace frankentorch {
namespace {

std::string layer_name(int64_t index) {
  return "language_model.layers." + std::to_string(index);
}

}  // namespace

DecoderLayer::DecoderLayer(const Config& config, const Parameters& parameters, int64_t index)
    : index_(index),
      head_dim_(config.head_dim),
      eps_(config.rms_norm_eps),
      input_norm_(parameters[layer_name(index) + ".input_layernorm.weight"]),
      post_norm_(parameters[layer_name(index) + ".post_attention_layernorm.weight"]),
      q_(parameters, layer_name(index) + ".self_attn.q_proj"),
      k_(parameters, layer_name(index) + ".self_attn.k_proj"),
      v_(parameters, layer_name(index) + ".self_attn.v_proj"),
      o_(parameters, layer_name(index) + ".self_attn.o_proj"),
      mlp_(parameters, layer_name(index) + ".mlp") {}

at::Tensor DecoderLayer::forward(at::Tensor x, Batch& batch, const Points& at, bool ends) const {
  at::Tensor h = at.through(".input_layernorm", x,
                            [&](const at::Tensor& x, const Points&) { return rms_norm(x, input_norm_, eps_); });
  h = at.through(".self_attn", h, [&](const at::Tensor& h, const Points& at) { return attention(h, batch, at, ends); });
  x = (ends ? batch.read_of(x) : x) + h;
  h = at.through(".post_attention_layernorm", x,
                 [&](const at::Tensor& x, const Points&) { return rms_norm(x, post_norm_, eps_); });
  return x + at.through(".mlp", h, [&](const at::Tensor& h, const Points&) { return mlp_(h); });
}

at::Tensor DecoderLayer::attention(const at::Tensor& x, Batch& batch, const Points& at, bool ends) const {
  const std::optional<Batch> read = ends ? std::optional(batch.read()) : std::nullopt;
  const Batch& asking = read ? *read : batch;
  const at::Tensor asked = ends ? batch.read_of(x) : x;
  const at::Tensor q = rotate(q_(asked).unflatten(-1, {-1, head_dim_}), asking.rotary);  // [asking, heads, head_dim]
  const at::Tensor k = rotate(k_(x).unflatten(-1, {-1, head_dim_}), batch.rotary);       // [tokens, kv_heads, head_dim]
  const at::Tensor v = v_(x).unflatten(-1, {-1, head_dim_});

  std::vector<at::Tensor> heads;  // of each group, [rows * tokens, heads, head_dim]
  std::vector<std::pair<at::Tensor, at::Tensor>> of_groups;
  for (size_t g = 0; g < batch.groups.size(); ++g) {
    const Group& group = batch.groups[g];
    const Points here = at.of_group(static_cast<int64_t>(g));
    auto of_group = [](const Group& group, const at::Tensor& x) {
      return Batch::rows_of(group, x).transpose(1, 2);
    };  // [rows, heads, tokens, head_dim]
    const at::Tensor query = here(".query", of_group(asking.groups[g], q));
    at::Tensor keys = here(".key", of_group(group, k)), values = here(".value", of_group(group, v));
    if (group.prefix) {
      const auto& [first_keys, first_values] = of_groups[group.prefix->group];
      keys = at::cat({take_rows(first_keys, group.prefix->rows), keys}, 2);
      values = at::cat({take_rows(first_values, group.prefix->rows), values}, 2);
    }
    of_groups.emplace_back(keys, values);
    const KeysValues all = group.cache ? group.cache->append(index_, keys, values) : KeysValues::of_rows(keys, values);
    heads.push_back(causal_attention(query, all, here).transpose(1, 2).flatten(0, 1));
  }
  return o_(at(".heads", heads.size() == 1 ? heads[0] : at::cat(heads)).flatten(1));
}

Decoder::Decoder(const Config& config, const Parameters& parameters)
    : eps_(config.rms_norm_eps),
      embed_tokens_(parameters["language_model.embed_tokens.weight"]),
      norm_(parameters["language_model.norm.weight"]) {
  for (int64_t i = 0; i < config.num_hidden_layers; ++i) layers_.emplace_back(config, parameters, i);
}

at::Tensor Decoder::embed(const at::Tensor& ids, const Points& at) const {
  // Indexing has no kernel for its gradient that is as fast, embedding none on the meta device.
  const bool learns = at::GradMode::is_enabled() && embed_tokens_.requires_grad();
  return at.in("language_model")(".embed_tokens",
                                 learns ? at::embedding(embed_tokens_, ids) : take_rows(embed_tokens_, ids));
}

// Hooks of the last layer and of the norm see every token.
bool Decoder::ends(int64_t index, const Points& root) const {
  const Points model = root.in("language_model");
  return index + 1 == static_cast<int64_t>(layers_.size()) && !model.in(".layers", index).looked_at("") &&
         !model.looked_at(".norm");
}

at::Tensor Decoder::layer(int64_t index, at::Tensor x, Batch& batch, Turn& turn, const Points& root) const {
  turn.pause();
  return root.in("language_model").in(".layers", index).through("", x, [&](const at::Tensor& x, const Points& at) {
    return layers_[index].forward(x, batch, at, ends(index, root));
  });
}

at::Tensor Decoder::final_norm(at::Tensor x, const Points& root) const {
  return root.in("language_model").through(".norm", std::move(x), [&](const at::Tensor& x, const Points&) {
    return rms_norm(x, norm_, eps_);
  });
}

at::Tensor Decoder::forward(at::Tensor x, Batch& batch, Turn& turn, const Points& root) const {
  for (size_t i = 0; i < layers_.size(); ++i) {
    const auto index = static_cast<int64_t>(i);
    if (index < batch.recompute_from) {
      x = layer(index, std::move(x), batch, turn, root);
      continue;
    }
    turn.pause();
    x = recomputed(x, [&layer = layers_[i], &batch, last = ends(index, root)](const at::Tensor& x) {
      return layer.forward(x, batch, Points(), last);
    });
  }
  return final_norm(std::move(x), root);
}

}  // namespace frankentorch
