/** It is shown together with the analytics of its terms. */
import '../search-analytics/demo.mjs';
