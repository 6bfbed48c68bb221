package interop

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/sioserver/sioserver/loop/looptest/wait"
)

// proxyConfig is the configuration of a language that docs/proxies.md shows,
// for two servers.
func proxyConfig(t *testing.T, language string, servers [2]string, listens, listen string) string {
	t.Helper()
	page, err := os.ReadFile("../../docs/proxies.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?ms)^```"+language+"\n(.*?)^```$").FindAllSubmatch(page, -1)
	if len(blocks) != 1 {
		t.Fatalf("docs/proxies.md has %d configurations in %s", len(blocks), language)
	}
	config := edited(t, string(blocks[0][1]), "10.0.0.1:3000", servers[0])
	config = edited(t, config, "10.0.0.2:3000", servers[1])
	return edited(t, config, listens, listen)
}

// TestProxies runs two servers behind each of the proxies of docs/proxies.md,
// and has clients stay at one of them: the servers do not know of each other.
func TestProxies(t *testing.T) {
	program := build(t)
	for name, start := range map[string]func(t *testing.T, servers [2]string, listen string){
		"nginx": func(t *testing.T, servers [2]string, listen string) {
			runNginx(t, listen, proxyConfig(t, "nginx", servers, "listen 80;", "listen "+listen+";"))
		},
		"haproxy": func(t *testing.T, servers [2]string, listen string) {
			runProxy(t, listen, "haproxy", proxyConfig(t, "haproxy", servers, "bind :80", "bind "+listen), func(file string) []string {
				return []string{"-db", "-f", file}
			})
		},
		"caddy": func(t *testing.T, servers [2]string, listen string) {
			config := proxyConfig(t, "caddyfile", servers, ":80 {", "http://"+listen+" {")
			runProxy(t, listen, "caddy", "{\nadmin off\n}\n"+config, func(file string) []string {
				return []string{"run", "--adapter", "caddyfile", "--config", file}
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			var addrs [2]string
			for i := range addrs {
				addrs[i] = freeAddr(t)
				s := startProgram(t, program, addrs[i], "-health", "-trusted-proxies", "127.0.0.0/8")
				defer s.stop(t)
			}
			listen := freeAddr(t)
			start(t, addrs, listen)
			d := newDriver(t)
			for kind, options := range kinds {
				for i := range 4 {
					own := map[string]any{"auth": map[string]any{"name": kind}, "withCredentials": true}
					for k, v := range options {
						own[k] = v
					}
					c := d.join(kind+strconv.Itoa(i), "http://"+listen+"/chat", own)
					if got := refusal(t, c.ask("enter", map[string]any{"room": "lobby"})); got != "" {
						t.Errorf("%s: %s", c.name, got)
					}
					c.disconnect()
				}
			}
		})
	}
}

// runProxy runs a proxy with a configuration until the test ends.
func runProxy(t *testing.T, listen, name, config string, args func(file string) []string) {
	t.Helper()
	program, err := exec.LookPath(name)
	if err != nil {
		program = "/usr/sbin/" + name // which is in the path of root alone
	}
	need(t, []string{program})
	dir := t.TempDir()
	file := filepath.Join(dir, name)
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	var complaints strings.Builder
	process := exec.Command(program, args(file)...)
	process.Env = append(os.Environ(), "XDG_DATA_HOME="+dir, "XDG_CONFIG_HOME="+dir)
	process.Stdout, process.Stderr = &complaints, &complaints
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- process.Wait() }()
	t.Cleanup(func() {
		_ = process.Process.Signal(syscall.SIGTERM)
		<-ended
		if t.Failed() {
			t.Logf("%s said:\n%s", name, complaints.String())
		}
	})
	untilListens(t, name, listen, ended, &complaints)
}

// untilListens waits until a process accepts connections, and fails if it ends.
func untilListens(t *testing.T, name, addr string, ended chan error, complaints *strings.Builder) {
	t.Helper()
	wait.Until(t, name+" listens", func() bool {
		if conn, err := net.Dial("tcp", addr); err == nil {
			conn.Close()
			return true
		}
		select {
		case err := <-ended:
			ended <- err
			t.Fatalf("%s: %v\n%s", name, err, complaints.String())
		default:
		}
		return false
	})
}
