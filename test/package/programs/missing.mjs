// The error of a first use without libtorch.
import { tensor } from 'frankentorch'

try {
  tensor([1])
  console.log('null')
} catch ({ code, message }) {
  console.log(JSON.stringify({ code, message }))
}
