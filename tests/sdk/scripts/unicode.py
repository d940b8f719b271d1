"""Text of every kind, in keys and values."""
import wandb

run = wandb.init(id="unicode", name="näme ☕ 名前", notes="two\nlines \"quoted\" \\ back", config={"ключ": "значение", "emoji": "😀"})
run.log({"日本": 1, "é": "café", "zero\u0000byte": "a\u0000b", "rtl": "\u202eabc", "zwj": "👩‍👩‍👧"})
run.log({"esc": "tab\t nl\n quote\" back\\ slash/ del\x7f <&>", "sep": "\u2028\u2029"})
run.summary["größe"] = "µ"
print("ünïcode output 漢字 😀")
run.finish()
