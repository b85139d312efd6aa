/** It is shown together with the sensors that it hears of. */
import '../iot-data-reduction/demo.mjs';
