// Starts Swagger UI on the page of the API's documentation, and repairs what it lacks for screen readers.
"use strict";
(function () {
  const place = document.getElementById("api-docs");
  const labels = place.dataset;
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const show = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
  dark.addEventListener("change", show);
  show();

  // What Swagger UI draws has controls without names, and text that only a mouse scrolls.
  const repairs = [
    ["select:not([aria-label])", (each) => each.setAttribute("aria-label", labels.choose)],
    [".operation-filter-input:not([aria-label])", (each) => each.setAttribute("aria-label", labels.filter)],
    [".close-modal:not([aria-label])", (each) => each.setAttribute("aria-label", labels.close)],
    ["input:not([aria-label]):not([id]), textarea:not([aria-label])", (each) => each.setAttribute("aria-label", each.placeholder || labels.value)],
    ["pre:not([tabindex]), .body-param__example:not([tabindex]), .table-container:not([tabindex]), .responses-table:not([tabindex])", (each) => each.setAttribute("tabindex", "0")],
    [".opblock-summary-control a[href], .opblock-summary-control [tabindex]", (each) => { each.removeAttribute("href"); each.removeAttribute("tabindex"); }],
  ];
  const repair = () => repairs.forEach(([selector, mend]) => place.querySelectorAll(selector).forEach(mend));
  new MutationObserver(repair).observe(place, { childList: true, subtree: true });

  // The layout of Swagger UI would repeat the title, and draw a second main part into that of the page.
  const pageLayout = ({ React }) => {
    const PageLayout = ({ getComponent, specSelectors }) => {
      const draw = (name, isConnected) => React.createElement(getComponent(name, isConnected), { key: name });
      const isLoaded = specSelectors.loadingStatus() === "success";
      const parts = [draw("SvgAssets", false), draw("errors", true)];
      if (isLoaded) parts.push(draw("AuthorizeBtnContainer", true), draw("FilterContainer", true), draw("operations", true));
      return React.createElement("div", { className: "swagger-ui" }, parts);
    };
    return { components: { PageLayout } };
  };

  window.SwaggerUIBundle({
    url: labels.document,
    domNode: place,
    presets: [window.SwaggerUIBundle.presets.apis],
    plugins: [pageLayout],
    layout: "PageLayout",
    deepLinking: false,
    docExpansion: "none",
    defaultModelsExpandDepth: -1,
    displayRequestDuration: true,
    filter: true,
    persistAuthorization: false,
    validatorUrl: null,
    queryConfigEnabled: false,
    syntaxHighlight: { activated: false },
  });
})();
