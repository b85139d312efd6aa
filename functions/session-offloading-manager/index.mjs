/** Entry of the container: the manager of this node, as its environment and its secret files say. */
import 'xylem/manager';
