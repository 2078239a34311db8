/** Copies text; where the browser does not allow it, shows it to be copied by hand. */

const dialog = document.getElementById("shown");
const shown = document.getElementById("shown-text");

/** Whether it is in the clipboard now. */
export async function copy(value) {
  try {
    await navigator.clipboard.writeText(value);
    return true;
  } catch {
    shown.value = value;
    dialog.showModal();
    shown.select();
    return false;
  }
}
