/** The counter is shown together with the carts that it counts. */
import '../shopping-cart/demo.mjs';
