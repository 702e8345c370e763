#include "training/trainer.h"

#include "addon.h"
#include "fields.h"
#include "loaded_model.h"
#include "model_arguments.h"
#include "programs.h"

namespace frankentorch::binding {
namespace {

struct LoadedTrainer {
  LoadedTrainer(std::shared_ptr<LoadedModel> loaded, const std::vector<std::string>& names, bool recompute)
      : loaded(std::move(loaded)), trainer(this->loaded->model, names, recompute) {}
  std::shared_ptr<LoadedModel> loaded;
  Trainer trainer;
};

// { rows: inputs, of one row each; continuations?: [{ row, ids }], targets: [[token, …] of each sequence] }
Sequences to_sequences(const Napi::Value& value) {
  const Fields fields(value, "sequences");
  Sequences sequences;
  sequences.inputs = joined(to_vector(fields.get("rows"), "rows", to_inputs));
  sequences.continuations = to_vector(fields.get("continuations"), "continuations", [](const Napi::Value& one) {
    const Fields continuation(one, "continuation");
    return Sequences::Continuation{continuation.integer("row"), continuation.integers("ids")};
  });
  const auto targets =
      to_vector(fields.get("targets"), "targets", [](const Napi::Value& of) { return to_ints(of, "targets"); });
  if (static_cast<int64_t>(targets.size()) != sequences.count())
    fail("ERR_INVALID_ARGUMENT", "Expected targets for each of ", sequences.count(), " sequences but received ",
         targets.size());
  for (size_t s = 0; s < targets.size(); ++s)
    for (const int64_t token : targets[s]) sequences.targets.push_back({static_cast<int64_t>(s), token});
  return sequences;
}

std::vector<Sequences> to_parts(const Napi::Value& value) {
  auto parts = to_vector(value, "parts", to_sequences);
  if (parts.empty()) fail("ERR_INVALID_ARGUMENT", "Expected at least one part");
  return parts;
}

std::shared_ptr<LoadedTrainer> to_trainer(const Napi::Value& value) {
  return unwrap<LoadedTrainer>(value, "trainer");
}

TrainableParameters::Part to_part(const Napi::Value& value) {
  const std::string name = to_string(value, "part");
  using Part = TrainableParameters::Part;
  if (name == "gradient") return Part::gradient;
  if (name == "expAvg") return Part::m;
  if (name == "expAvgSq") return Part::v;
  return Part::value;
}

// (model, name) -> Promise<tensor>
Napi::Value model_parameter(Addon& addon, const Napi::CallbackInfo& info) {
  return addon.engine.run(
      info.Env(), nullptr,
      [loaded = unwrap<LoadedModel>(info[0], "model"), name = to_string(info[1], "name")](Turn&) {
        return loaded->model.parameters()[name].detach();
      },
      [&addon](Napi::Env env, const at::Tensor& value) { return wrap_tensor(addon, env, value); });
}

// (model, names, { recompute }, cancellation?) -> Promise<trainer>
Napi::Value create_trainer(Addon& addon, const Napi::CallbackInfo& info) {
  const Fields options(info[2], "options");
  return addon.engine.run(
      info.Env(), to_cancellation(info[3]),
      [loaded = unwrap<LoadedModel>(info[0], "model"),
       names = to_vector(info[1], "names", [](const Napi::Value& name) { return to_string(name, "name"); }),
       recompute = options.flag("recompute")](Turn&) {
        return std::make_shared<LoadedTrainer>(loaded, names, recompute);
      },
      [](Napi::Env env, std::shared_ptr<LoadedTrainer>& trainer) { return wrap(env, std::move(trainer)); });
}

// (trainer) -> Promise
Napi::Value dispose_trainer(Addon& addon, const Napi::CallbackInfo& info) {
  auto trainer = std::exchange(handle_of<LoadedTrainer>(info[0], "trainer").value, nullptr);
  return addon.engine.run(
      info.Env(), nullptr, [trainer = std::move(trainer)](Turn&) mutable { return trainer.reset(), true; },
      [](Napi::Env env, bool) { return env.Undefined(); });
}

// (trainer, parts, { temperature }, cancellation?) -> Promise<{ logprobs, entropy }>
Napi::Value trainer_logprobs(Addon& addon, const Napi::CallbackInfo& info) {
  return addon.engine.run(
      info.Env(), to_cancellation(info[3]),
      [held = to_trainer(info[0]), parts = to_parts(info[1]),
       temperature = Fields(info[2], "options").number("temperature")](Turn& turn) {
        return held->trainer.logprobs(parts, temperature, turn);
      },
      [&addon](Napi::Env env, const SequenceLogprobs& made) {
        Napi::Object result = Napi::Object::New(env);
        result.Set("logprobs", wrap_tensor(addon, env, made.logprobs));
        result.Set("entropy", wrap_tensor(addon, env, made.entropy));
        return result;
      });
}

// (trainer, parts, program, inputs, { temperature, linear }, cancellation?) -> Promise of the program's results
Napi::Value trainer_accumulate(Addon& addon, const Napi::CallbackInfo& info) {
  const Fields fields(info[4], "options");
  StepOptions options;
  options.temperature = fields.number("temperature");
  options.linear = fields.flag("linear");
  return addon.engine.run(
      info.Env(), to_cancellation(info[5]),
      [held = to_trainer(info[0]), parts = to_parts(info[1]), program = to_program(info[2]),
       inputs = to_vector(info[3], "inputs", unwrap_tensor),
       options](Turn& turn) { return held->trainer.accumulate(parts, program->program, inputs, options, turn); },
      [&addon](Napi::Env env, const std::vector<c10::IValue>& results) { return from_results(addon, env, results); });
}

// (trainer) -> Promise<names of parameters that have no gradient>
Napi::Value trainer_without_gradient(Addon& addon, const Napi::CallbackInfo& info) {
  return addon.engine.run(
      info.Env(), nullptr,
      [held = to_trainer(info[0])](Turn&) { return held->trainer.parameters().without_gradient(); },
      [](Napi::Env env, const std::vector<std::string>& names) {
        Napi::Array list = Napi::Array::New(env, names.size());
        for (size_t i = 0; i < names.size(); ++i) list.Set(static_cast<uint32_t>(i), names[i]);
        return list;
      });
}

// (trainer, { lr, beta1, beta2, eps, weightDecay, maxGradNorm? }) -> Promise<norm of the gradients before clipping>
Napi::Value trainer_update(Addon& addon, const Napi::CallbackInfo& info) {
  const Fields fields(info[1], "options");
  TrainableParameters::Options options;
  options.adamw.lr = fields.number("lr");
  options.adamw.beta1 = fields.number("beta1");
  options.adamw.beta2 = fields.number("beta2");
  options.adamw.eps = fields.number("eps");
  options.adamw.weight_decay = fields.number("weightDecay");
  if (fields.has("maxGradNorm")) options.max_gradient_norm = fields.number("maxGradNorm");
  return addon.engine.run(
      info.Env(), nullptr,
      [held = to_trainer(info[0]), options](Turn&) { return held->trainer.parameters().update(options); },
      [](Napi::Env env, double norm) { return Napi::Number::New(env, norm); });
}

// (trainer) -> Promise: forgets the gradients
Napi::Value trainer_zero_gradients(Addon& addon, const Napi::CallbackInfo& info) {
  return addon.engine.run(
      info.Env(), nullptr,
      [held = to_trainer(info[0])](Turn&) { return held->trainer.parameters().zero_gradients(), true; },
      [](Napi::Env env, bool) { return env.Undefined(); });
}

// (trainer, name, part: value | gradient | expAvg | expAvgSq) -> Promise<tensor of its own memory, or null>
Napi::Value trainer_get(Addon& addon, const Napi::CallbackInfo& info) {
  return addon.engine.run(
      info.Env(), nullptr,
      [held = to_trainer(info[0]), name = to_string(info[1], "name"), part = to_part(info[2])](Turn&) {
        const at::Tensor value = held->trainer.parameters().get(name, part);
        return value.defined() ? value.clone() : value;
      },
      [&addon](Napi::Env env, const at::Tensor& value) {
        return value.defined() ? wrap_tensor(addon, env, value) : env.Null();
      });
}

// (trainer, name, part, tensor) -> Promise
Napi::Value trainer_set(Addon& addon, const Napi::CallbackInfo& info) {
  return addon.engine.run(
      info.Env(), nullptr,
      [held = to_trainer(info[0]), name = to_string(info[1], "name"), part = to_part(info[2]),
       value = unwrap_tensor(info[3])](Turn&) { return held->trainer.parameters().set(name, part, value), true; },
      [](Napi::Env env, bool) { return env.Undefined(); });
}

// (trainer, steps) -> Promise: as if so many updates had been made
Napi::Value trainer_set_steps(Addon& addon, const Napi::CallbackInfo& info) {
  return addon.engine.run(
      info.Env(), nullptr,
      [held = to_trainer(info[0]), steps = to_int(info[1], "steps")](Turn&) {
        return held->trainer.parameters().set_steps(steps), true;
      },
      [](Napi::Env env, bool) { return env.Undefined(); });
}

}  // namespace

void define_training(Napi::Object exports, Addon& addon) {
  define<model_parameter>(exports, "modelParameter", addon);
  define<create_trainer>(exports, "createTrainer", addon);
  define<dispose_trainer>(exports, "disposeTrainer", addon);
  define<trainer_logprobs>(exports, "trainerLogprobs", addon);
  define<trainer_accumulate>(exports, "trainerAccumulate", addon);
  define<trainer_without_gradient>(exports, "trainerWithoutGradient", addon);
  define<trainer_update>(exports, "trainerUpdate", addon);
  define<trainer_zero_gradients>(exports, "trainerZeroGradients", addon);
  define<trainer_get>(exports, "trainerGet", addon);
  define<trainer_set>(exports, "trainerSet", addon);
  define<trainer_set_steps>(exports, "trainerSetSteps", addon);
}

}  // namespace frankentorch::binding
