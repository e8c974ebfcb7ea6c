import { RE2JS } from 're2js';

/** A pattern of ours, compiled when a text first gets as far as it: that costs a millisecond and more, and most never are asked. */
export function whenAsked(pattern: string): () => RE2JS {
  let compiled: RE2JS | undefined;
  return () => {
    compiled ??= RE2JS.compile(pattern);
    return compiled;
  };
}
