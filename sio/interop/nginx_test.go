package interop

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// nginxConfig is the configuration that docs/cluster.md shows, for two servers.
func nginxConfig(t *testing.T, servers [2]string, listen string) string {
	t.Helper()
	page, err := os.ReadFile("../../docs/cluster.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?ms)^```nginx\n(.*?)^```$").FindAllSubmatch(page, -1)
	if len(blocks) != 1 {
		t.Fatalf("docs/cluster.md has %d configurations of nginx", len(blocks))
	}
	config := string(blocks[0][1])
	for old, with := range map[string]string{
		"server 10.0.0.1:3000;": "server " + servers[0] + ";",
		"server 10.0.0.2:3000;": "server " + servers[1] + ";",
		"listen 80;":            "listen " + listen + ";",
	} {
		config = edited(t, config, old, with)
	}
	return config
}

// edited replaces a text that must occur once.
func edited(t *testing.T, config, old, with string) string {
	t.Helper()
	if strings.Count(config, old) != 1 {
		t.Fatalf("%q is not once in the configuration:\n%s", old, config)
	}
	return strings.Replace(config, old, with, 1)
}

// startNginx runs an nginx in front of two servers until the test ends, and
// returns its URL. edit may change the configuration; nil leaves it.
func startNginx(t *testing.T, servers [2]string, edit func(config string) string) string {
	t.Helper()
	listen := freeAddr(t)
	config := nginxConfig(t, servers, listen)
	if edit != nil {
		config = edit(config)
	}
	runNginx(t, listen, config)
	return "http://" + listen
}

// runNginx runs an nginx with a configuration of its part http until the test
// ends.
func runNginx(t *testing.T, listen, config string) {
	t.Helper()
	program, err := exec.LookPath("nginx")
	if err != nil {
		program = "/usr/sbin/nginx" // which is in the path of root alone
	}
	need(t, []string{program})
	dir := t.TempDir()
	main := fmt.Sprintf(`daemon off;
master_process off;
pid %[1]s/pid;
error_log stderr error;
events { worker_connections 1024; }
http {
access_log off;
client_body_temp_path %[1]s/body;
proxy_temp_path %[1]s/proxy;
fastcgi_temp_path %[1]s/fastcgi;
uwsgi_temp_path %[1]s/uwsgi;
scgi_temp_path %[1]s/scgi;
%[2]s}
`, dir, config)
	file := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(file, []byte(main), 0o600); err != nil {
		t.Fatal(err)
	}
	var complaints strings.Builder
	process := exec.Command(program, "-p", dir, "-c", file, "-e", "stderr")
	process.Stderr = &complaints
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- process.Wait() }()
	t.Cleanup(func() {
		_ = process.Process.Signal(syscall.SIGTERM)
		if err := <-ended; err != nil {
			t.Errorf("nginx: %v", err)
		}
		if t.Failed() {
			t.Logf("nginx complained:\n%s", complaints.String())
		}
	})
	untilListens(t, "nginx", listen, ended, &complaints)
}

// freeAddr returns an address of 127.0.0.1 that is not in use, below the ports
// of outgoing connections.
func freeAddr(t *testing.T) string {
	t.Helper()
	for range 100 {
		l, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(12_000+rand.IntN(8_000)))
		if err == nil {
			defer l.Close()
			return l.Addr().String()
		}
	}
	t.Fatal("no free port")
	panic("unreachable")
}
