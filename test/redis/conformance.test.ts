import { storeConformance } from '../store/conformance.js';
import { conformingRedis } from './conforming.js';

storeConformance('redis', conformingRedis);
