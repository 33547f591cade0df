// Airflow's look: what its own switch stored, else what the browser prefers. Not a module, so that it runs before paint.
(() => {
  const KEY = "theme";
  const apply = () => {
    let chosen = null;
    try {
      chosen = localStorage.getItem(KEY);
    } catch (refused) {
      console.info("The browser keeps Airflow's theme from this page:", refused.name);
    }
    if (chosen === "dark" || chosen === "light") document.documentElement.dataset.theme = chosen;
    else delete document.documentElement.dataset.theme;
  };
  apply();
  addEventListener("storage", (event) => event.key === KEY && apply());
})();
