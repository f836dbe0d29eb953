// Fingers on messages: a swipe to the right answers, a long press shows what can be done, a tap shows the buttons.

/** How far a finger has to move before it swipes, in pixels, and how far for an answer. */
const slack = 12;
const farEnough = 56;
/** How long a finger has to rest, in milliseconds. */
const longPressMs = 450;

/**
 * Listens to fingers on the messages of a list.
 * @param {HTMLElement} list
 * @param {{ reply: (row: HTMLElement) => void, menu: (row: HTMLElement) => void, tap: (row: HTMLElement) => void }} then
 */
export function listenToFingers(list, then) {
  let isHeld = false;
  /** @type {{ row: HTMLElement, x: number, y: number, swipes: boolean, timer: number } | undefined} */
  let finger;
  const end = () => {
    if (!finger) return;
    clearTimeout(finger.timer);
    finger.row.style.translate = "";
    finger.row.classList.remove("swiped");
    finger = undefined;
  };
  list.addEventListener("pointerdown", (event) => {
    end();
    const row = event.target instanceof Element ? event.target.closest(".message") : null;
    if (event.pointerType === "mouse" || !(row instanceof HTMLElement)) return;
    isHeld = false;
    const timer = setTimeout(() => {
      end();
      isHeld = true;
      then.menu(row);
    }, longPressMs);
    finger = { row, x: event.clientX, y: event.clientY, swipes: false, timer };
  });
  list.addEventListener("pointermove", (event) => {
    if (!finger) return;
    const [x, y] = [event.clientX - finger.x, event.clientY - finger.y];
    if (!finger.swipes && Math.abs(y) > slack) return void end();
    if (!finger.swipes && x > slack) {
      finger.swipes = true;
      clearTimeout(finger.timer);
    }
    if (!finger.swipes) return;
    finger.row.style.translate = `${Math.min(Math.max(x - slack, 0), farEnough * 1.5)}px`;
    finger.row.classList.toggle("swiped", x > farEnough);
  });
  list.addEventListener("pointerup", (event) => {
    if (!finger) return;
    const { row, swipes, x } = finger;
    end();
    if (swipes && event.clientX - x > farEnough) then.reply(row);
    else if (!swipes && event.target instanceof Element && !event.target.closest("a, button")) then.tap(row);
  });
  list.addEventListener("pointercancel", end);
  list.addEventListener("touchend", (event) => {
    // Otherwise it would press what the long press has brought up below the finger.
    if (isHeld) event.preventDefault();
  });
  list.addEventListener("contextmenu", (event) => {
    // A long press of a finger is ours; the mouse keeps the browser's menu.
    if (event instanceof PointerEvent && event.pointerType === "touch") event.preventDefault();
  });
}
