// SPDX-License-Identifier: GPL-3.0-or-later
// Asks for the numbers again, every two seconds while somebody looks. Without it the page reads the same.
"use strict";

const main = document.querySelector("main");

async function refresh() {
	if (document.hidden)
		return;
	try {
		const answer = await fetch("/live", { cache: "no-store" });
		if (!answer.ok)
			throw new Error(answer.statusText);
		main.innerHTML = await answer.text();
		main.classList.remove("stale");
	} catch {
		main.classList.add("stale"); // what is shown is old
	}
}

setInterval(refresh, 2000);
document.addEventListener("visibilitychange", refresh);
