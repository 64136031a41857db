"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const $ = (id) => document.getElementById(id);

function element(tag, text, name) {
  const node = document.createElement(tag);
  if (text !== undefined) node.textContent = text;
  if (name) node.className = name;
  return node;
}

function kind(problem) {
  const right = problem.draws.filter((d) => d.outcome === "equal").length;
  return right === 0 ? "wrong" : right === problem.draws.length ? "right" : "mixed";
}

function wanted(problem) {
  const filter = $("filter").value;
  const needle = $("find").value.toLowerCase();
  const fits = filter === "all" || kind(problem) === filter ||
    (filter === "none" && problem.draws.some((d) => d.outcome === "no_answer"));
  return fits && (!needle || `${problem.id} ${problem.question} ${problem.gold}`.toLowerCase().includes(needle));
}

function problemView(problem) {
  const box = element("details");
  const right = problem.draws.filter((d) => d.outcome === "equal").length;
  box.append(element("summary", `${problem.id}  ${right}/${problem.draws.length} right, gold ${problem.gold}`, kind(problem)));
  box.addEventListener("toggle", () => {
    if (!box.open || box.dataset.filled) return;
    box.dataset.filled = "1";
    box.append(element("pre", problem.question));
    problem.draws.forEach((draw, i) => {
      const answer = draw.answer === null ? "" : `, answer ${draw.answer}`;
      box.append(element("div", `draw ${i}: ${draw.outcome}${answer} (${draw.tokens} tokens, ${draw.finish})`, draw.outcome));
      box.append(element("pre", draw.text));
    });
  });
  return box;
}

function show() {
  const task = data[Number($("task").value)];
  const problems = task ? task.problems.filter(wanted) : [];
  $("problems").replaceChildren(...problems.map(problemView));
  $("count").textContent = task ? `${problems.length} of ${task.problems.length} problems` : "";
}

data.forEach((task, i) => {
  const option = element("option", task.title);
  option.value = String(i);
  $("task").append(option);
});
["task", "filter"].forEach((id) => $(id).addEventListener("change", show));
$("find").addEventListener("input", show);
show();
