/** It is shown together with what it answers. */
import '../cdn-upload/demo.mjs';
