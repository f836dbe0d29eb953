// A small choice of emoji with their short names; the rest is on everybody's keyboard.

const emojiTable = "👍 +1 yes|👎 -1 no|❤️ heart love|😂 joy lol|😊 smile blush|🎉 tada party|🙏 pray thanks|👀 eyes look|"
  + "🔥 fire|✅ check done|❌ x wrong|🤔 thinking|😢 cry sad|😮 wow open_mouth|😡 angry rage|👏 clap|💯 100|🚀 rocket|"
  + "😄 grin laugh|😉 wink|😎 cool sunglasses|😍 heart_eyes|😅 sweat_smile|🙂 slight_smile|🙃 upside_down|😇 innocent|"
  + "😴 sleeping|😱 scream|🤯 mind_blown|🤷 shrug|🤦 facepalm|🙌 raised_hands|👋 wave hi|🤝 handshake|💪 muscle|✌️ peace v|"
  + "🤞 fingers_crossed|👌 ok_hand|☕ coffee|🍰 cake|🍕 pizza|🍺 beer|🌞 sun|🌧️ rain|⭐ star|✨ sparkles|💡 bulb idea|"
  + "📌 pin|📎 paperclip|📅 calendar|⏰ alarm|❓ question|❗ exclamation|⚠️ warning|🐛 bug|🔧 wrench|🧪 test_tube|🏁 finish|"
  + "💔 broken_heart|🎂 birthday|🎁 gift|🎵 music|📷 camera|💻 laptop|🐧 penguin|🦀 crab|🐱 cat|🐶 dog";

/** Those offered for a reaction at once. */
export const quickEmoji = ["👍", "❤️", "😂", "🎉", "👀", "✅"];

/**
 * All of them, with their names.
 * @returns {{ emoji: string, names: string[] }[]}
 */
export function allEmoji() {
  return emojiTable.split("|").map((line) => {
    const [emoji = "", ...names] = line.split(" ");
    return { emoji, names };
  });
}

/**
 * Those whose name begins like this.
 * @param {string} start
 */
export function emojiNamed(start) {
  return allEmoji().filter(({ names }) => names.some((name) => name.startsWith(start.toLowerCase())));
}
