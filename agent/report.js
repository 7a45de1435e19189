// Left and right move between steps; the film strip shows where we are.
(() => {
  const steps = [...document.querySelectorAll(".step")], frames = [...document.querySelectorAll(".film a")];
  if (!steps.length) return;
  let here = 0;
  const mark = (index) => {
    here = index;
    frames.forEach((frame, i) => frame.classList.toggle("here", i === index));
    frames[index].scrollIntoView({ block: "nearest", inline: "nearest" });
  };
  const go = (index) => { mark(Math.min(Math.max(index, 0), steps.length - 1)); steps[here].scrollIntoView(); };
  document.addEventListener("keydown", (event) => {
    if (event.key === "ArrowRight") go(here + 1);
    else if (event.key === "ArrowLeft") go(here - 1);
    else return;
    event.preventDefault();
  });
  frames.forEach((frame, i) => frame.addEventListener("click", (event) => { event.preventDefault(); go(i); }));
  for (const [i, frame] of frames.entries()) {  // the pictures are in the file once
    const small = frame.querySelector("img"), large = steps[i].querySelector(".picture img");
    if (small && large) small.src = large.src;
  }
  mark(0);
})();
