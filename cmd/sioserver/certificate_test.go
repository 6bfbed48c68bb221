package main

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sioserver/sioserver/loop/looptest/wait"
)

// writeCertificate makes a certificate of 127.0.0.1 with a serial number, and
// writes it and its key.
func writeCertificate(t *testing.T, dir string, serial int64) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial),
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(time.Hour),
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		IsCA:         true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for file, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: pkcs}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

// serial returns the serial number of the certificate of a server, and an error
// if it does not serve Socket.IO.
func serial(url string, client ...tls.Certificate) (int64, error) {
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true, Certificates: client}, DisableKeepAlives: true}
	answer, err := (&http.Client{Transport: transport}).Get(url + "?EIO=4&transport=polling")
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		return 0, err
	}
	return answer.TLS.PeerCertificates[0].SerialNumber.Int64(), nil
}

// TestHangupReadsTheCertificateAgain: new connections get the new one, and a
// file that is not valid changes nothing.
func TestHangupReadsTheCertificateAgain(t *testing.T) {
	dir := t.TempDir()
	cert, key := writeCertificate(t, dir, 1)
	url, signals, ended := start(t, io.Discard, "-no-demo", "-no-client", "-tls-cert", cert, "-tls-key", key)
	if !strings.HasPrefix(url, "https://") {
		t.Errorf("address %s", url)
	}
	if got, err := serial(url); got != 1 || err != nil {
		t.Fatalf("certificate %d, %v", got, err)
	}
	hangup := func() {
		t.Helper()
		self, err := os.FindProcess(os.Getpid())
		if err != nil {
			t.Fatal(err)
		}
		if err := self.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
	}
	writeCertificate(t, dir, 2)
	hangup()
	wait.Until(t, "the new certificate is served", func() bool {
		got, err := serial(url)
		return err == nil && got == 2
	})
	if err := os.WriteFile(cert, []byte("nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	hangup()
	if got, err := serial(url); got != 2 || err != nil {
		t.Errorf("with a file that is not valid: certificate %d, %v", got, err)
	}
	signals <- os.Interrupt
	if code := end(t, ended); code != exitDone {
		t.Errorf("exit code %d", code)
	}
}

func TestClientCertificates(t *testing.T) {
	dir := t.TempDir()
	cert, key := writeCertificate(t, dir, 1)
	url, signals, ended := start(t, io.Discard, "-no-demo", "-no-client", "-tls-cert", cert, "-tls-key", key, "-tls-client-ca", cert)
	own, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := serial(url, own); got != 1 || err != nil {
		t.Errorf("with a certificate: %d, %v", got, err)
	}
	if got, err := serial(url); err == nil {
		t.Errorf("without one: %d", got)
	}
	signals <- os.Interrupt
	end(t, ended)
}

// TestTLSOnAUnixSocket: the file gets its permissions, and takes the place of
// one that a program has left behind, as it does without TLS.
func TestTLSOnAUnixSocket(t *testing.T) {
	dir := t.TempDir()
	cert, key := writeCertificate(t, dir, 1)
	path := filepath.Join(dir, "s")
	left, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	left.(*net.UnixListener).SetUnlinkOnClose(false)
	_ = left.Close()
	_, signals, ended := start(t, io.Discard, "-addr", "unix:"+path, "-socket-mode", "0620", "-no-demo", "-no-client", "-tls-cert", cert, "-tls-key", key)
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o620 {
		t.Errorf("the file: %v, %v", info, err)
	}
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := tls.Client(c, &tls.Config{InsecureSkipVerify: true}).Handshake(); err != nil {
		t.Error(err)
	}
	signals <- os.Interrupt
	if code := end(t, ended); code != exitDone {
		t.Errorf("exit code %d", code)
	}
}

// TestHangupWithoutCertificate: "systemctl reload" does not end a program that
// has nothing to read again.
func TestHangupWithoutCertificate(t *testing.T) {
	log, out := io.Pipe()
	_, signals, ended := start(t, out, "-no-demo", "-no-client")
	self, err := os.FindProcess(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if err := self.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(log).ReadString('\n'); err != nil || !strings.Contains(line, "nothing to read again") {
		t.Errorf("the log has %q, %v", line, err)
	}
	go io.Copy(io.Discard, log)
	signals <- os.Interrupt
	if code := end(t, ended); code != exitDone {
		t.Errorf("exit code %d", code)
	}
}

// TestWrongCertificates: check and the program refuse them before they listen.
func TestWrongCertificates(t *testing.T) {
	dir := t.TempDir()
	cert, key := writeCertificate(t, dir, 1)
	for name, args := range map[string][]string{
		"no such file":     {"-tls-cert", "nowhere.pem", "-tls-key", key},
		"key for the cert": {"-tls-cert", key, "-tls-key", key},
		"no authority":     {"-tls-cert", cert, "-tls-key", key, "-tls-client-ca", key},
	} {
		for _, command := range [][]string{nil, {"check"}} {
			var stdout, stderr bytes.Buffer
			if code := run(append(command, args...), &stdout, &stderr, nil); code != exitUsage || !strings.HasPrefix(stderr.String(), "sioserver: -tls-") || strings.Count(stderr.String(), "\n") != 1 {
				t.Errorf("%s: exit code %d, says %q", name, code, &stderr)
			}
		}
	}
}
