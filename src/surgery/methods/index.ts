// Importing a method makes it known to recipes.
import './linear.ts'
import './noise.ts'
import './passthrough.ts'
