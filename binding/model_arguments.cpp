#include "model_arguments.h"

#include "fields.h"
#include "tensors.h"

namespace frankentorch::binding {
namespace {

VisionConfig to_vision_config(const Napi::Value& value) {
  const Fields fields(value, "config.vision");
  VisionConfig vision;
  vision.depth = fields.integer("depth");
  vision.hidden_size = fields.integer("hiddenSize");
  vision.num_heads = fields.integer("numHeads");
  vision.patch_size = fields.integer("patchSize");
  vision.spatial_merge_size = fields.integer("spatialMergeSize");
  vision.temporal_patch_size = fields.integer("temporalPatchSize");
  vision.in_channels = fields.integer("inChannels");
  vision.window_size = fields.integer("windowSize");
  vision.fullatt_block_indexes = fields.integers("fullattBlockIndexes");
  vision.tokens_per_second = fields.integer("tokensPerSecond");
  return vision;
}

Visuals to_visuals(const Napi::Value& pixel_values, const Napi::Value& grids) {
  Visuals visuals;
  visuals.grids = to_vector(grids, "gridThw", [](const Napi::Value& grid) {
    const auto thw = to_ints(grid, "gridThw");
    if (thw.size() != 3)
      fail("ERR_SHAPE_MISMATCH", "Expected [t, h, w] for a grid but received ", thw.size(), " numbers");
    return Grid{thw[0], thw[1], thw[2]};
  });
  if (is_given(pixel_values)) visuals.pixel_values = unwrap_tensor(pixel_values);
  return visuals;
}

}  // namespace

Config to_config(const Napi::Value& value) {
  const Fields fields(value, "config");
  Config config;
  config.hidden_size = fields.integer("hiddenSize");
  config.num_hidden_layers = fields.integer("numHiddenLayers");
  config.num_attention_heads = fields.integer("numAttentionHeads");
  config.num_key_value_heads = fields.integer("numKeyValueHeads");
  config.head_dim = fields.integer("headDim");
  config.vocab_size = fields.integer("vocabSize");
  config.max_position_embeddings = fields.integer("maxPositionEmbeddings");
  config.rms_norm_eps = fields.number("rmsNormEps");
  config.rope_theta = fields.number("ropeTheta");
  config.mrope_section = fields.integers("mropeSection");
  config.tie_word_embeddings = fields.flag("tieWordEmbeddings");
  if (is_given(fields.get("vision"))) {
    config.vision = to_vision_config(fields.get("vision"));
    config.image_token_id = fields.integer("imageTokenId");
    config.video_token_id = fields.integer("videoTokenId");
  }
  return config;
}

std::vector<FileSource> to_files(const Napi::Value& value) {
  return to_vector(value, "files", [](const Napi::Value& file) {
    const Fields fields(file, "file");
    return FileSource{to_string(fields.get("path"), "path"), static_cast<uint64_t>(fields.integer("size"))};
  });
}

std::vector<ParameterSource> to_parameters(const Napi::Value& value) {
  return to_vector(value, "parameters", [](const Napi::Value& parameter) {
    const Fields fields(parameter, "parameter");
    return ParameterSource{to_string(fields.get("name"), "name"), static_cast<size_t>(fields.integer("file")),
                           to_dtype(fields.get("dtype")), fields.integers("shape"),
                           static_cast<uint64_t>(fields.integer("begin"))};
  });
}

Inputs to_inputs(const Napi::Value& value) {
  const Fields fields(value, "inputs");
  Inputs inputs;
  inputs.input_ids =
      to_vector(fields.get("inputIds"), "inputIds", [](const Napi::Value& row) { return to_ints(row, "inputIds"); });
  inputs.images = to_visuals(fields.get("pixelValues"), fields.get("imageGridThw"));
  inputs.videos = to_visuals(fields.get("pixelValuesVideos"), fields.get("videoGridThw"));
  inputs.second_per_grid_ts = to_vector(fields.get("secondPerGridTs"), "secondPerGridTs",
                                        [](const Napi::Value& s) { return to_double(s, "secondPerGridTs"); });
  return inputs;
}

RowOptions to_row_option(const Napi::Value& value) {
  const Fields fields(value, "row");
  RowOptions options;
  options.max_new_tokens = fields.integer("maxNewTokens");
  options.stop_ids = fields.integers("stopIds");
  options.sampling.temperature = fields.number("temperature");
  options.sampling.top_p = fields.number("topP");
  options.sampling.top_k = fields.integer("topK");
  options.sampling.repetition_penalty = fields.number("repetitionPenalty");
  options.sampling.seed = static_cast<uint64_t>(fields.integer("seed"));
  return options;
}

std::vector<RowOptions> to_row_options(const Napi::Value& value) {
  return to_vector(value, "rows", to_row_option);
}

}  // namespace frankentorch::binding
