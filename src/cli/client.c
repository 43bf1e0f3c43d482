// SPDX-License-Identifier: Apache-2.0
#include "cli/client.h"

/* Its type checks know only calls by name. */
#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>
#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { URL_SIZE = 512, REASON_SHOWN_MAX = 200 };

/*
 * libcurl is loaded when a command needs it: it brings twenty other libraries, and a node, which is the same program, would
 * hold some megabytes of them for nothing.
 */
static struct {
	__typeof__(curl_easy_init) *init;
	__typeof__(curl_easy_setopt) *set;
	__typeof__(curl_easy_perform) *perform;
	__typeof__(curl_easy_getinfo) *get;
	__typeof__(curl_easy_cleanup) *cleanup;
} curl_easy;

static bool load_function(void *library, const char *name, void *ret_function)
{
	void *function = dlsym(library, name);
	/* The way POSIX names to get a function from dlsym(). */
	memcpy(ret_function, &function, sizeof(function));
	return function != NULL;
}

static bool load_curl(void)
{
	static const char *const names[] = {"libcurl-gnutls.so.4", "libcurl.so.4"};
	void *library = NULL;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && library == NULL; i++)
		library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
	return library != NULL && load_function(library, "curl_easy_init", &curl_easy.init) &&
	       load_function(library, "curl_easy_setopt", &curl_easy.set) &&
	       load_function(library, "curl_easy_perform", &curl_easy.perform) &&
	       load_function(library, "curl_easy_getinfo", &curl_easy.get) &&
	       load_function(library, "curl_easy_cleanup", &curl_easy.cleanup);
}

struct answer {
	char *body;		/* zero-terminated, NULL while empty */
	size_t len, capacity;
	bool too_large;
	long status;
	bool connected;
};

/* Called by libcurl; a number other than `count` ends the transfer. */
static size_t receive(char *bytes, size_t size, size_t count, void *context)
{
	struct answer *answer = context;
	size_t len = size * count;
	if (len > CLIENT_ANSWER_MAX - answer->len) {
		answer->too_large = true;
		return 0;
	}
	if (answer->len + len + 1 > answer->capacity) {
		size_t capacity = 2 * answer->capacity + len + 1;
		char *grown = realloc(answer->body, capacity);
		if (grown == NULL)
			return 0;
		answer->body = grown;
		answer->capacity = capacity;
	}
	memcpy(answer->body + answer->len, bytes, len);
	answer->len += len;
	answer->body[answer->len] = '\0';
	return len;
}

/* In a URL the percent sign in front of a scope is itself encoded. */
static void make_url(const struct endpoint *api, const char *path, char url[static URL_SIZE])
{
	char address[ENDPOINT_ADDRESS_SIZE];
	endpoint_address_text(api, address);
	const char *percent = strchr(address, '%');
	size_t front = percent != NULL ? (size_t)(percent - address) : strlen(address);
	snprintf(url, URL_SIZE, "http://%.*s%s%s%s", (int)front, address, percent != NULL ? "%25" : "",
		 percent != NULL ? percent + 1 : "", path);
}

static CURLcode perform(CURL *curl, const char *url, struct answer *answer)
{
	char error[CURL_ERROR_SIZE];
	curl_easy.set(curl, CURLOPT_URL, url);
	curl_easy.set(curl, CURLOPT_PROTOCOLS_STR, "http");
	curl_easy.set(curl, CURLOPT_PROXY, "");
	curl_easy.set(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy.set(curl, CURLOPT_ERRORBUFFER, error);
	curl_easy.set(curl, CURLOPT_USERAGENT, "mycelium/" MYCELIUM_VERSION);
	curl_easy.set(curl, CURLOPT_CONNECTTIMEOUT, (long)CLIENT_CONNECT_TIMEOUT_S);
	curl_easy.set(curl, CURLOPT_TIMEOUT, (long)CLIENT_TIMEOUT_S);
	curl_easy.set(curl, CURLOPT_WRITEFUNCTION, receive);
	curl_easy.set(curl, CURLOPT_WRITEDATA, answer);
	CURLcode code = curl_easy.perform(curl);
	curl_off_t connect_us = 0;
	curl_easy.get(curl, CURLINFO_CONNECT_TIME_T, &connect_us);
	curl_easy.get(curl, CURLINFO_RESPONSE_CODE, &answer->status);
	answer->connected = connect_us > 0;
	return code;
}

int client_report_foreign(const struct endpoint *api, FILE *err)
{
	char address[ENDPOINT_ADDRESS_SIZE];
	fprintf(err, "error: %s is not the REST API of a node (--api-addr)\n", endpoint_address_text(api, address));
	return -EPROTO;
}

static int report_transfer(const struct endpoint *api, CURLcode code, const struct answer *answer, FILE *err)
{
	char address[ENDPOINT_ADDRESS_SIZE];
	endpoint_address_text(api, address);
	if (answer->too_large) {
		fprintf(err, "error: %s answers with more than %d MiB\n", address, CLIENT_ANSWER_MAX >> 20);
		return -EPROTO;
	}
	if (code == CURLE_OUT_OF_MEMORY || code == CURLE_WRITE_ERROR) {
		fputs("error: out of memory\n", err);
		return -ENOMEM;
	}
	if (code == CURLE_OPERATION_TIMEDOUT && answer->connected) {
		fprintf(err, "error: %s did not answer within %d s\n", address, CLIENT_TIMEOUT_S);
		return -ETIMEDOUT;
	}
	if (answer->connected)
		return client_report_foreign(api, err);
	fprintf(err, "error: No node answers on %s. Is it running? (--api-addr)\n", address);
	return -ECONNREFUSED;
}

/* Other servers do not know the path (404) or the method (405); a node that refuses says why. */
static int report_status(const struct endpoint *api, const struct answer *answer, FILE *err)
{
	char address[ENDPOINT_ADDRESS_SIZE], reason[REASON_SHOWN_MAX + 1] = "";
	if (answer->status == 404 || answer->status == 405)
		return client_report_foreign(api, err);
	snprintf(reason, sizeof(reason), "%s", answer->body != NULL ? answer->body : "");
	for (char *at = reason; *at != '\0'; at++) {
		if ((unsigned char)*at < 0x20 || *at == 0x7f)
			*at = ' ';
	}
	endpoint_address_text(api, address);
	fprintf(err, "error: %s refused with HTTP status %ld%s%s\n", address, answer->status,
		*reason != '\0' ? ": " : "", reason);
	return -EPROTO;
}

static int read_answer(const struct endpoint *api, const struct answer *answer, json_t **ret, FILE *err)
{
	if (answer->status != 200)
		return report_status(api, answer, err);
	json_t *json = answer->body != NULL ? json_loadb(answer->body, answer->len, 0, NULL) : NULL;
	if (!json_is_array(json)) {
		json_decref(json);
		return client_report_foreign(api, err);
	}
	*ret = json;
	return 0;
}

int client_get_list(const struct endpoint *api, const char *path, json_t **ret_json, char **ret_body, FILE *err)
{
	char url[URL_SIZE];
	struct answer answer = {0};
	if (!load_curl()) {
		fputs("error: libcurl is missing: install it (package libcurl3-gnutls or libcurl4)\n", err);
		return -ELIBACC;
	}
	CURL *curl = curl_easy.init();
	if (curl == NULL) {
		fputs("error: out of memory\n", err);
		return -ENOMEM;
	}
	make_url(api, path, url);
	CURLcode code = perform(curl, url, &answer);
	curl_easy.cleanup(curl);
	int result = code == CURLE_OK ? read_answer(api, &answer, ret_json, err) :
					report_transfer(api, code, &answer, err);
	if (result < 0)
		free(answer.body);
	else
		*ret_body = answer.body;
	return result;
}
