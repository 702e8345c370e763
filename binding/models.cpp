#include <map>

#include "addon.h"
#include "checkpoint/mapped_file.h"
#include "convert.h"
#include "handle.h"
#include "hooks/capture.h"
#include "interventions.h"
#include "loaded_model.h"
#include "model/qwen2_5_vl.h"
#include "model_arguments.h"

namespace frankentorch::binding {
namespace {

// (config, files, parameters, dtype, device, cancellation?) -> Promise<model>. Weights of the wanted dtype on the CPU
// stay in the file mapping.
Napi::Value load_model(Addon& addon, const Napi::CallbackInfo& info) {
  auto load = [config = to_config(info[0]), files = to_files(info[1]), sources = to_parameters(info[2]),
               dtype = to_dtype(info[3]), device = to_device(info[4]), live = addon.live_models](Turn& turn) {
    std::vector<std::shared_ptr<MappedFile>> mapped;
    for (const auto& file : files) mapped.push_back(MappedFile::open(file.path, file.size));
    Parameters parameters;
    for (const auto& source : sources) {
      turn.pause();
      parameters.set(source.name,
                     tensor_at(mapped.at(source.file), source.dtype, source.shape, source.begin).to(device, dtype));
    }
    return std::make_shared<LoadedModel>(config, std::move(parameters), live);
  };
  return addon.engine.run(
      info.Env(), to_cancellation(info[5]), std::move(load),
      [](Napi::Env env, std::shared_ptr<LoadedModel>& model) { return wrap(env, std::move(model)); });
}

// (model) -> Promise. Unmapping gigabytes takes a while, so the engine thread does it, behind the jobs that still use
// the model.
Napi::Value dispose_model(Addon& addon, const Napi::CallbackInfo& info) {
  auto model = std::exchange(handle_of<LoadedModel>(info[0], "model").value, nullptr);
  return addon.engine.run(
      info.Env(), nullptr, [model = std::move(model)](Turn&) mutable { return model.reset(), true; },
      [](Napi::Env env, bool) { return env.Undefined(); });
}

// (model) -> Promise<[{ name, shape }]>
Napi::Value model_points(Addon& addon, const Napi::CallbackInfo& info) {
  return addon.engine.run(
      info.Env(), nullptr,
      [loaded = unwrap<LoadedModel>(info[0], "model")](Turn& turn) { return loaded->model.points(turn); },
      [](Napi::Env env, const std::vector<PointInfo>& points) {
        Napi::Array list = Napi::Array::New(env, points.size());
        for (size_t i = 0; i < points.size(); ++i) {
          Napi::Object point = Napi::Object::New(env);
          point.Set("name", points[i].name);
          point.Set("shape", from_ints(env, points[i].shape));
          list.Set(static_cast<uint32_t>(i), point);
        }
        return list;
      });
}

std::vector<std::string> to_names(const Napi::Value& value) {
  return to_vector(value, "names", [](const Napi::Value& name) { return to_string(name, "name"); });
}

// (model, names, values, cancellation?) -> Promise: all of them or, where one does not fit, none
Napi::Value set_parameters(Addon& addon, const Napi::CallbackInfo& info) {
  return addon.engine.run(
      info.Env(), to_cancellation(info[3]),
      [loaded = unwrap<LoadedModel>(info[0], "model"), names = to_names(info[1]),
       values = to_vector(info[2], "values", unwrap_tensor)](Turn&) {
        for (size_t i = 0; i < names.size(); ++i) {
          const at::Tensor &before = loaded->model.parameters()[names[i]], &after = values.at(i);
          if (after.sizes() != before.sizes() || after.scalar_type() != before.scalar_type() ||
              after.device() != before.device())
            fail("ERR_SHAPE_MISMATCH", "Expected ", before.toString(), before.sizes(), " for ", names[i],
                 " but received ", after.toString(), after.sizes());
        }
        for (size_t i = 0; i < names.size(); ++i) loaded->model.set_parameter(names[i], values[i].detach());
        return true;
      },
      [](Napi::Env env, bool) { return env.Undefined(); });
}

struct RowOutput {
  at::Tensor logits;        // [1, tokens, vocabulary]
  at::Tensor position_ids;  // [3, 1, tokens]
  std::map<std::string, at::Tensor> captured, parameters;
};

// Parameters as leaves of the graph of one pass, over the same memory.
class Leaves {
 public:
  Leaves(Qwen2_5_VL& model, const std::vector<std::string>& names) : model_(model) {
    for (const auto& name : names) {
      before_[name] = model.parameters()[name];
      leaves[name] = before_[name].detach().requires_grad_(true);
    }
    for (const auto& [name, leaf] : leaves) model_.set_parameter(name, leaf);
  }
  ~Leaves() {
    for (auto& [name, value] : before_) model_.set_parameter(name, value);
  }
  Leaves(const Leaves&) = delete;
  Leaves& operator=(const Leaves&) = delete;

  std::map<std::string, at::Tensor> leaves;

 private:
  Qwen2_5_VL& model_;
  std::map<std::string, at::Tensor> before_;
};

Napi::Object from_tensors(Addon& addon, Napi::Env env, const std::map<std::string, at::Tensor>& tensors) {
  Napi::Object result = Napi::Object::New(env);
  for (const auto& [name, value] : tensors) result.Set(name, wrap_tensor(addon, env, value));
  return result;
}

// (model, inputs, { capture: points, interventions, grad, parameters }, cancellation?) ->
// Promise<[{ logits, positionIds, captured, parameters }]>, one per row
Napi::Value forward(Addon& addon, const Napi::CallbackInfo& info) {
  const auto options = to_object(info[2], "options");
  auto attachments = std::make_shared<Attachments>();
  for (const auto& one : to_attachments(addon, options.Get("interventions"))) attachments->attach(one);
  const bool grad = options.Get("grad").ToBoolean();
  std::map<std::string, std::shared_ptr<Capture>> captures;
  to_vector(options.Get("capture"), "capture", [&](const Napi::Value& point) {
    const std::string name = to_string(point, "point");
    const auto capture = captures[name] = std::make_shared<Capture>(grad);
    attachments->attach({name, capture});
    return true;
  });

  auto pass = [loaded = unwrap<LoadedModel>(info[0], "model"), inputs = to_inputs(info[1]), attachments, captures, grad,
               names = to_names(options.Get("parameters"))](Turn& turn) {
    Qwen2_5_VL& model = loaded->model;
    const c10::AutoGradMode mode(grad);
    const Leaves parameters(model, names);
    Packed packed = model.pack(inputs);
    at::Tensor x = model.embed(inputs, packed, turn, attachments.get());
    x = model.decode(std::move(x), packed.batch, turn, attachments.get());
    const at::Tensor logits = model.logits(x, packed.batch, attachments.get());

    std::vector<RowOutput> rows(inputs.input_ids.size());
    for (const auto& group : packed.batch.groups)
      for (size_t i = 0; i < group.rows.size(); ++i)
        rows[group.rows[i]].logits = Batch::rows_of(group, logits).narrow(0, static_cast<int64_t>(i), 1).clone();
    for (size_t r = 0; r < rows.size(); ++r) {
      rows[r].parameters = parameters.leaves;
      rows[r].position_ids = packed.rows[r].position_ids.unsqueeze(1);
      for (const auto& [name, capture] : captures)
        if (const auto value = capture->of_row(static_cast<int64_t>(r)); value.defined())
          rows[r].captured[name] = value;
    }
    return rows;
  };
  return addon.engine.run(info.Env(), to_cancellation(info[3]), std::move(pass),
                          [&addon](Napi::Env env, const std::vector<RowOutput>& rows) {
                            Napi::Array list = Napi::Array::New(env, rows.size());
                            for (size_t r = 0; r < rows.size(); ++r) {
                              Napi::Object row = Napi::Object::New(env);
                              row.Set("logits", wrap_tensor(addon, env, rows[r].logits));
                              row.Set("positionIds", wrap_tensor(addon, env, rows[r].position_ids));
                              row.Set("captured", from_tensors(addon, env, rows[r].captured));
                              row.Set("parameters", from_tensors(addon, env, rows[r].parameters));
                              list.Set(static_cast<uint32_t>(r), row);
                            }
                            return list;
                          });
}

// (model, grids) -> { windowIndex, cuWindowSeqlens }
Napi::Value vision_layout(Addon&, const Napi::CallbackInfo& info) {
  const auto loaded = unwrap<LoadedModel>(info[0], "model");
  if (!loaded->model.config().vision) fail("ERR_INVALID_ARGUMENT", "Expected a model with a vision tower");
  const auto grids = to_vector(info[1], "gridThw", [](const Napi::Value& grid) {
    const auto thw = to_ints(grid, "gridThw");
    if (thw.size() != 3)
      fail("ERR_SHAPE_MISMATCH", "Expected [t, h, w] for a grid but received ", thw.size(), " numbers");
    return Grid{thw[0], thw[1], thw[2]};
  });
  const WindowLayout layout = window_layout(*loaded->model.config().vision, grids);
  Napi::Object result = Napi::Object::New(info.Env());
  result.Set("windowIndex", from_ints(info.Env(), layout.window_index));
  result.Set("cuWindowSeqlens", from_ints(info.Env(), layout.cu_window_seqlens));
  return result;
}

}  // namespace

void define_models(Napi::Object exports, Addon& addon) {
  define<load_model>(exports, "loadModel", addon);
  define<dispose_model>(exports, "disposeModel", addon);
  define<model_points>(exports, "modelPoints", addon);
  define<set_parameters>(exports, "setParameters", addon);
  define<forward>(exports, "forward", addon);
  define<vision_layout>(exports, "visionLayout", addon);
}

}  // namespace frankentorch::binding
