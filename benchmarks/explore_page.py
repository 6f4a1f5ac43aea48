"""Time the page of `gcn-tf explore` in a headless browser: from TensorFlow's import to the first picture, and from slider to picture.

    python benchmarks/explore_page.py RUN        # a run with an ordered factor; needs gcn-tf[dev] and chromium

Prints seconds and milliseconds; every step is done three times, medians are shown with all values.
"""

import re
import shutil
import signal
import statistics
import subprocess
import sys
import time

from playwright.sync_api import sync_playwright

LATENCY = """
() => new Promise((done) => {
  const slider = [...document.querySelectorAll('input[type=range]')].find((one) => one.closest('[id^=factor-]'));
  const picture = document.querySelector('#picture');
  const low = +slider.min, high = +slider.max, times = [];
  const once = (n) => {
    const before = picture.querySelector('img').src, start = performance.now();
    const watch = new MutationObserver(() => {
      if (picture.querySelector('img')?.src === before) return;
      watch.disconnect();
      times.push(performance.now() - start);
      n ? setTimeout(() => once(n - 1), 250) : done(times);
    });
    watch.observe(picture, {childList: true, subtree: true, attributes: true});
    slider.value = low + (high - low) * ((0.07 + 0.37 * n) % 1);
    slider.dispatchEvent(new Event('input', {bubbles: true}));
  };
  once(30);
})
"""
IMPORT = "from gcn_tf.quiet import import_tensorflow; import_tensorflow()"


def one_round(run: str, chromium: str) -> tuple[float, list[float]]:
    """Seconds from TensorFlow's import to the first picture, and milliseconds from slider to picture."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", IMPORT], check=True)
    imported = time.perf_counter() - start
    start = time.perf_counter()
    server = subprocess.Popen(
        [sys.executable, "-m", "gcn_tf.cli", "explore", run], stdout=subprocess.PIPE, text=True
    )
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page()
        assert server.stdout
        page.goto(next(filter(None, (re.search(r"http\S+", line) for line in server.stdout)))[0])
        page.wait_for_selector("#picture img")
        first = time.perf_counter() - start - imported
        time.sleep(3)
        times = page.evaluate(LATENCY)
        browser.close()
    server.send_signal(signal.SIGINT)
    server.wait()
    return first, times


def main() -> None:
    chromium = shutil.which("chromium") or sys.exit("no chromium")
    rounds = [one_round(sys.argv[1], chromium) for _ in range(3)]
    firsts = [first for first, _ in rounds]
    print(
        f"first picture: {statistics.median(firsts):.1f} s after TensorFlow ({', '.join(f'{s:.1f}' for s in firsts)})"
    )
    times = sorted(milliseconds for _, of_round in rounds for milliseconds in of_round)
    print(
        f"slider to picture: median {statistics.median(times):.0f} ms, 95 % below {times[int(len(times) * 0.95)]:.0f} ms, "
        f"{len(times)} times"
    )


if __name__ == "__main__":
    main()
