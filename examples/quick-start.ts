// The Quick Start of Qwen2.5-VL's model card, step by step and under the same names. `model.generate(messages)` does all of it at once.
//
//   quick-start MODEL IMAGE [QUESTION]
//
// MODEL is a checkpoint directory or a name on the Hugging Face Hub, such as Qwen/Qwen2.5-VL-3B-Instruct.

import { disposeInputs, type Message, processVisionInfo, VisionLanguageModel } from '../src/index.ts'

const [name, image, question = 'Describe this image.'] = process.argv.slice(2)
if (!name || !image) throw new Error('Expected a model and an image')

await using model = await VisionLanguageModel.load(name)
const { processor } = model

const messages: Message[] = [
  {
    role: 'user',
    content: [
      { type: 'image', image },
      { type: 'text', text: question },
    ],
  },
]

// Preparation for inference
const text = processor.applyChatTemplate(messages, { addGenerationPrompt: true })
const { images, videos } = await processVisionInfo(messages)
const inputs = await processor({ text: [text], images, videos })

// Inference: the new tokens alone, so that there is no prompt to cut off
const generatedIds = await model.generateIds(inputs, { maxNewTokens: 128 })
const outputText = processor.batchDecode(generatedIds, { skipSpecialTokens: true })
console.log(outputText)

// Pixels are tensors outside the garbage collector's sight: a program that goes on frees them.
disposeInputs(inputs)
