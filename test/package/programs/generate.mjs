// import: greedy tokens of the model that the first argument names.
import { VisionLanguageModel } from 'frankentorch'

const model = await VisionLanguageModel.load(process.argv[2])
const { tokenIds } = await model.generate({ inputIds: [[65, 66, 67]] }, { maxNewTokens: 8 })
await model.dispose()
console.log(JSON.stringify(tokenIds))
