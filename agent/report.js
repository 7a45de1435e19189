// Left and right move between steps; the film strip shows where we are. Each picture is in the file once.
(() => {
  const steps = [...document.querySelectorAll(".step")], frames = [...document.querySelectorAll(".film a")];
  if (!steps.length) return;
  const film = document.querySelector(".film");
  let here = 0;
  const mark = (index) => {
    here = index;
    for (const list of [frames, steps]) list.forEach((element, i) => element.classList.toggle("here", i === index));
    const frame = frames[index];
    film.scrollLeft = frame.offsetLeft - film.offsetLeft - (film.clientWidth - frame.clientWidth) / 2;
  };
  let going = false;  // while we scroll to a step, scrolling does not choose another one
  const go = (index) => {
    mark(Math.min(Math.max(index, 0), steps.length - 1));
    going = true;
    steps[here].scrollIntoView();
    requestAnimationFrame(() => requestAnimationFrame(() => { going = false; }));
  };
  const moves = { ArrowRight: () => here + 1, ArrowLeft: () => here - 1, Home: () => 0, End: () => steps.length - 1 };
  document.addEventListener("keydown", (event) => {
    if (!moves[event.key] || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    go(moves[event.key]());
    event.preventDefault();
  });
  frames.forEach((frame, i) => frame.addEventListener("click", (event) => { event.preventDefault(); go(i); }));
  document.addEventListener("scroll", () => {
    const top = film.getBoundingClientRect().bottom + 40;
    const seen = steps.findIndex((step) => step.getBoundingClientRect().bottom > top);
    if (!going && seen >= 0 && seen !== here) mark(seen);
  }, { passive: true });
  steps.forEach((step, i) => {
    const picture = step.querySelector(".picture img");
    if (!picture) return;
    for (const image of [frames[i], step].flatMap((part) => [...part.querySelectorAll("image")])) image.setAttribute("href", picture.src);
  });
  mark(0);
})();
