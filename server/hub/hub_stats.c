/* Figures of the hub. Every way in which a message or a client can be lost has a counter
 * here.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/hub/hub_stats.h"

#include "server/base/clock.h"
#include "server/hub/hub_fault.h"

#define NS_PER_MS         1e6
#define TOPICS_LISTED_MAX 256

/* A time of the monotonic clock as text; null when there is none yet. */
static json_t *time_json(uint64_t monotonic_ns)
{
    char text[PMA_TIMESTAMP_BYTES];

    if (monotonic_ns == 0) {
        return json_null();
    }
    pma_timestamp_at(monotonic_ns, text);
    return json_string(text);
}

/* Some of the topics: clients choose their names, and may have millions together. */
static json_t *clients_by_topic(const struct pma_hub *hub)
{
    const struct pma_index_node *node = NULL;
    json_t *topics = json_object();

    while (json_object_size(topics) < TOPICS_LISTED_MAX &&
           (node = pma_index_next(&hub->topics.by_name, node)) != NULL) {
        const struct pma_topic *topic = (const struct pma_topic *)node;

        json_object_set_new(topics, topic->name, json_integer(topic->subscribers));
    }
    return topics;
}

static void set_count(json_t *data, const char *key, uint64_t count)
{
    json_object_set_new(data, key, json_integer((json_int_t)count));
}

/* What was lost, refused or cut. */
static void set_losses(json_t *data, struct pma_hub *hub)
{
    const struct pma_hub_counts *counts = &hub->counts;
    uint64_t pushed_out;
    uint32_t waiting;

    pma_inbox_figures(&hub->inbox, &pushed_out, &waiting);
    set_count(data, "dropped", pushed_out + hub->away.dropped);
    set_count(data, "undelivered", counts->undelivered);
    set_count(data, "invalid_messages", counts->invalid_messages);
    set_count(data, "authentication_failures", counts->authentication_failures);
    set_count(data, "refused_closed", counts->left[PMA_LEAVE_REFUSED]);
    set_count(data, "slow_closed", counts->left[PMA_LEAVE_SLOW]);
    set_count(data, "idle_closed", counts->left[PMA_LEAVE_IDLE]);
    set_count(data, "dead_closed", counts->left[PMA_LEAVE_DEAD]);
    set_count(data, "oversized_closed", counts->left[PMA_LEAVE_OVERSIZED]);
    set_count(data, "abrupt_closed", counts->left[PMA_LEAVE_ABRUPT]);
    set_count(data, "rejected",
              atomic_load_explicit(&hub->rejected, memory_order_relaxed));
    set_count(data, "inbox_messages", waiting);
}

json_t *pma_stats_json(struct pma_hub *hub)
{
    const struct pma_hub_counts *counts = &hub->counts;
    double queued_ms =
        counts->queued_count == 0
            ? 0.0
            : (double)counts->queued_ns_sum / (double)counts->queued_count / NS_PER_MS;
    json_t *data = json_object();

    if (data == NULL) {
        return NULL;
    }
    set_count(data, "connected_clients", hub->clients.count);
    set_count(data, "total_connections", counts->connections);
    set_count(data, "messages_sent", counts->messages_sent);
    set_count(data, "messages_received", counts->messages_received);
    set_count(data, "bytes_sent", counts->bytes_sent);
    set_count(data, "bytes_received", counts->bytes_received);
    set_count(data, "subscription_count", hub->topics.subscriptions);
    set_count(data, "subscription_records", hub->subscribers.count);
    set_count(data, "topic_count", hub->topics.by_name.count);
    json_object_set_new(data, "average_response_time_ms", json_real(queued_ms));
    set_count(data, "connection_errors", counts->connection_errors);
    json_object_set_new(data, "last_message_time", time_json(counts->last_message_ns));
    json_object_set_new(data, "clients_by_topic", clients_by_topic(hub));
    set_count(data, "topics_not_listed",
              hub->topics.by_name.count > TOPICS_LISTED_MAX
                  ? hub->topics.by_name.count - TOPICS_LISTED_MAX
                  : 0);
    set_count(data, "unfiltered_clients", hub->unfiltered_count);
    set_count(data, "uptime", pma_now_ns() - hub->started_ns);
    json_object_set_new(data, "start_time", time_json(hub->started_ns));
    set_count(data, "queue_depth_max", counts->queue_depth_max);
    set_count(data, "offline_clients", hub->away.by_id.count);
    set_count(data, "offline_messages", hub->away.messages);
    set_count(data, "lingering", pma_fault_lingering(hub));
    set_count(data, "cleanup_runs", counts->cleanup_runs);
    set_losses(data, hub);
    return data;
}

json_t *pma_stats_topics_json(const struct pma_topic_set *set)
{
    json_t *topics = json_array();

    for (const struct pma_subscription *at = set->first; at != NULL;
         at = at->next_of_set) {
        json_array_append_new(topics, json_string(at->topic->name));
    }
    return topics;
}

static json_t *connection_json(const struct pma_client *client)
{
    const struct pma_subscriber *subscriber = client->subscriber;

    return json_pack(
        "{s:s, s:s?, s:s, s:o, s:o, s:b, s:o, s:{s:I, s:b, s:b, s:s?}}", "id", client->id,
        "user_agent", client->user_agent, "ip_address", client->address, "connected_at",
        time_json(client->connected_ns), "last_seen", time_json(client->last_seen_ns),
        "authenticated", (int)(client->user_id != NULL), "subscriptions",
        pma_stats_topics_json(&subscriber->topics), "metadata", "queued_messages",
        (json_int_t)subscriber->queue.count, "resumable", (int)client->is_named,
        "unfiltered", (int)client->is_unfiltered, "user_id", client->user_id);
}

json_t *pma_stats_connections_json(struct pma_hub *hub, size_t limit, size_t offset)
{
    const struct pma_client *client;
    json_t *connections = json_array();
    size_t at = 0;

    TAILQ_FOREACH(client, &hub->connections, link)
    {
        if (client->subscriber == NULL) {
            continue;
        }
        if (json_array_size(connections) >= limit) {
            break;
        }
        if (at >= offset) {
            json_array_append_new(connections, connection_json(client));
        }
        at++;
    }
    return json_pack("{s:o, s:I, s:I, s:I}", "connections", connections, "total",
                     (json_int_t)hub->clients.count, "limit", (json_int_t)limit, "offset",
                     (json_int_t)offset);
}
