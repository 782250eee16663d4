// Sliders: each wipes its own image.
document.addEventListener("input", ({target}) => {
  if (target.matches(".compare input")) {
    target.parentElement.style.setProperty("--split", target.value + "%");
  }
});

// Controls of a section: filters, order, and a slider for all of its images.
const byName = new Intl.Collator(undefined, {numeric: true}).compare;
const orders = {
  worst: (a, b) => a.score - b.score || byName(a.caption, b.caption),
  best: (a, b) => b.score - a.score || byName(a.caption, b.caption),
  name: (a, b) => byName(a.caption, b.caption),
};
for (const form of document.querySelectorAll("form.controls")) {
  const grid = form.nextElementSibling;
  const {wanted, words, most, limit, order, split, count} = form.elements;
  const figures = Array.from(grid.children, (figure) => ({
    figure,
    caption: figure.querySelector("figcaption").textContent,
    classes: JSON.parse(figure.dataset.classes),
    score: figure.dataset.score === "" ? Infinity : Number(figure.dataset.score),
  }));
  const filter = () => {
    const asked = words.value.trim().toLowerCase();
    const highest = most && most.value !== most.max ? Number(most.value) : Infinity;
    let shown = 0;
    for (const {figure, caption, classes, score} of figures) {
      const fits = (!wanted?.value || classes.includes(wanted.value)) && score <= highest
        && caption.toLowerCase().includes(asked);
      figure.hidden = !fits;
      shown += fits;
    }
    count.value = `${shown} of ${figures.length}`;
    if (most) limit.value = highest === Infinity ? "any" : highest.toFixed(2);
  };
  const sort = () => grid.append(...figures.sort(orders[order.value]).map(({figure}) => figure));
  const wipe = () => {
    grid.style.setProperty("--split", split.value + "%");
    for (const {figure} of figures) {
      figure.querySelector("input").value = split.value;
      figure.querySelector(".frame").style.removeProperty("--split");
    }
  };
  form.addEventListener("input", ({target}) => {
    if (target === split) wipe();
    else if (target === order) sort();
    else filter();
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  // A reloaded page keeps what was chosen.
  filter();
  if (order && order.value !== "worst") sort();
  if (split.value !== split.defaultValue) wipe();
}

// One image, large: a copy of its figure in the dialog.
const dialog = document.querySelector("dialog");
let enlarged;
const enlarge = (figure) => {
  enlarged = figure;
  const copy = figure.cloneNode(true), slider = copy.querySelector("input");
  copy.querySelector(".zoom").remove();
  if (slider) slider.parentElement.style.setProperty("--split", slider.value + "%");
  const image = copy.querySelector("img");
  dialog.style.setProperty("--ratio", image.getAttribute("width") / image.getAttribute("height"));
  dialog.setAttribute("aria-label", copy.querySelector("figcaption").textContent);
  dialog.querySelector("div").replaceChildren(copy);
};
document.addEventListener("click", ({target}) => {
  if (target.matches(".zoom")) {
    enlarge(target.closest("figure"));
    dialog.showModal();
    dialog.querySelector("figure input")?.focus();
  } else if (target.matches("[name=step]")) {
    const all = Array.from(enlarged.parentElement.querySelectorAll("figure:not([hidden])"));
    enlarge(all.at((all.indexOf(enlarged) + Number(target.value)) % all.length));
  }
});
dialog.addEventListener("close", () => enlarged.querySelector(".zoom").focus());
