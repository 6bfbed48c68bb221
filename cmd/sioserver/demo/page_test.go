package demo

import (
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
)

func request(t *testing.T, target string) *httptest.ResponseRecorder {
	t.Helper()
	page, err := Page("/my/")
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	page.ServeHTTP(w, httptest.NewRequest("GET", target, nil))
	return w
}

// TestPageIsComplete follows every address on the page and in its scripts:
// each is one of the page's parts, or the client bundle.
func TestPageIsComplete(t *testing.T) {
	index := request(t, "/")
	if index.Code != 200 || !strings.HasPrefix(index.Header().Get("Content-Type"), "text/html") {
		t.Fatalf("/: status %d, type %q", index.Code, index.Header().Get("Content-Type"))
	}
	addresses := regexp.MustCompile(`(?:href|src)="([^"#]+)"`).FindAllStringSubmatch(index.Body.String(), -1)
	imports := regexp.MustCompile(`from "\./([^"]+)"`).FindAllStringSubmatch(request(t, "/demo/main.js").Body.String(), -1)
	for _, m := range imports {
		addresses = append(addresses, []string{m[0], "/demo/" + m[1]})
	}
	if len(addresses) < 10 {
		t.Fatalf("only %d addresses found", len(addresses))
	}
	for _, m := range addresses {
		if m[1] == "/my/socket.io.js" {
			continue
		}
		if w := request(t, m[1]); w.Code != 200 || w.Body.Len() == 0 {
			t.Errorf("%s: status %d", m[1], w.Code)
		}
	}
}

func TestPageHeaders(t *testing.T) {
	for _, target := range []string{"/", "/demo/main.js"} {
		w := request(t, target)
		if csp := w.Header().Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'self'") {
			t.Errorf("%s: Content-Security-Policy %q", target, csp)
		}
	}
	for _, target := range []string{"/other", "/demo/none.js", "/demo/../page.go"} {
		if w := request(t, target); w.Code == 200 {
			t.Errorf("%s: status 200", target)
		}
	}
}

// TestTextStaysText guards the page's one rule about peers' text.
func TestTextStaysText(t *testing.T) {
	entries, err := files.ReadDir("page")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		b, err := files.ReadFile("page/" + e.Name())
		if err != nil {
			t.Fatal(err)
		}
		if m := regexp.MustCompile(`innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(`).Find(b); m != nil {
			t.Errorf("page/%s uses %s", e.Name(), m)
		}
	}
}

// TestPathIsEscaped: a path can't end an attribute of the page.
func TestPathIsEscaped(t *testing.T) {
	page, err := Page(`/a"b&/`)
	if err != nil {
		t.Fatal(err)
	}
	answer := httptest.NewRecorder()
	page.ServeHTTP(answer, httptest.NewRequest("GET", "/", nil))
	if body := answer.Body.String(); strings.Count(body, `="/a&#34;b&amp;/`) != 2 {
		t.Errorf("the page has another path:\n%s", body)
	}
}
