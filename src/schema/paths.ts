/** Parts of a path, the same for live and recorded events. */

/** Last component: '' for '/' and for a path that ends in a slash. */
export function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** Without the last component: '/' for what lies in the root, '' for a bare name. */
export function directoryName(path: string): string {
  const slash = path.lastIndexOf('/');
  return slash > 0 ? path.slice(0, slash) : slash === 0 ? '/' : '';
}

/** What follows the last dot of the last component; '' without a dot and for names such as `.bashrc`. */
export function extensionOf(path: string): string {
  const name = baseName(path);
  const dot = name.lastIndexOf('.');
  return dot > 0 ? name.slice(dot + 1) : '';
}

/**
 * A path that a program passed, made absolute: joined to the directory it
 * starts at, and `.`, `..` and doubled slashes resolved by text alone. Where no
 * base is known a relative path stays relative. An absolute path with a base is
 * that of a process in a chroot.
 */
export function absolutePath(path: string, base: string | undefined): string {
  const whole = base === undefined ? path : `${base}/${path}`;
  if (!/\/\/|\/\.|^\.|\/$/.test(whole)) return whole;
  const rooted = whole.startsWith('/');
  const parts: string[] = [];
  for (const part of whole.split('/')) {
    if (part === '' || part === '.') continue;
    if (part !== '..') parts.push(part);
    else if (parts.length > 0 && parts.at(-1) !== '..') parts.pop();
    else if (!rooted) parts.push('..');
  }
  return (rooted ? '/' : '') + parts.join('/');
}
